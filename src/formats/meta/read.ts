import { digestBytes, sha256 } from "../../bytes/digest.ts";
import { COPY_BYTES, HEAD_MAGIC, metaCopy, recordHead, TAIL_MAGIC } from "./layout.ts";
import { MetaError } from "./model.ts";

function damaged(reason: string): never {
  throw new MetaError("meta_damaged", `meta: ${reason}`);
}

function decodeRecords(area: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const values = new Map<number, Uint8Array>();
  let at = 0;
  while (at + recordHead.size <= area.length) {
    const { tag, length } = recordHead.decode(area, at);
    if (tag === 0) break;
    at += recordHead.size;
    if (tag > 0xff) damaged(`tag ${tag} is not in 1..255`);
    if (at + length > area.length) damaged(`value of tag 0x${tag.toString(16)} is longer than the store`);
    values.set(tag, area.slice(at, at + length));
    at += length;
  }
  return values;
}

function decodeCopy(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  if (bytes.length < COPY_BYTES) damaged(`${bytes.length} bytes are too few for a copy`);
  const { head, records, checksum, tail } = metaCopy.decode(bytes);
  if (head !== HEAD_MAGIC || tail !== TAIL_MAGIC) damaged("a mark is missing");
  const blank = bytes.slice(0, COPY_BYTES);
  blank.fill(0, metaCopy.offsets.checksum, metaCopy.offsets.tail);
  if (digestBytes(sha256(blank)).some((byte, i) => byte !== checksum[i])) damaged("the checksum does not match");
  return decodeRecords(records);
}

/**
 * The values of a META partition by tag, from the first copy or, when that is damaged, from the second
 * (outputs.md 2.11). Throws `meta_damaged` when neither can be read; an all-zero partition is such a case.
 */
export function readMeta(partition: Uint8Array): ReadonlyMap<number, Uint8Array> {
  try {
    return decodeCopy(partition);
  } catch (thrown) {
    if (!(thrown instanceof MetaError)) throw thrown;
    return decodeCopy(partition.subarray(COPY_BYTES));
  }
}
