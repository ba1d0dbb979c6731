import { digestBytes, sha256 } from "../../bytes/digest.ts";
import { concatBytes, utf8 } from "../../bytes/text.ts";
import { inline, place, type Recipe } from "../../extents/index.ts";
import { COPY_BYTES, metaCopy, PARTITION_BYTES, RECORD_AREA_BYTES, recordHead } from "./layout.ts";
import { MetaError, type MetaValue } from "./model.ts";

/** The last value of each tag, ascending by tag. */
function merged(values: readonly MetaValue[]): readonly (readonly [number, Uint8Array])[] {
  const byTag = new Map<number, Uint8Array>();
  for (const { tag, value } of values) {
    if (!Number.isInteger(tag) || tag < 1 || tag > 0xff) {
      throw new MetaError("tag_invalid", `meta tag: ${tag} is not in 1..255`);
    }
    byTag.set(tag, typeof value === "string" ? utf8(value) : value);
  }
  return [...byTag].sort(([a], [b]) => a - b);
}

function encodeRecords(values: readonly MetaValue[]): Uint8Array {
  const area = new Uint8Array(RECORD_AREA_BYTES);
  let at = 0;
  for (const [tag, value] of merged(values)) {
    const record = concatBytes(recordHead.encode({ tag, length: value.length }), value);
    if (at + record.length > area.length) {
      const over = at + record.length - area.length;
      throw new MetaError("values_too_large", `meta tag 0x${tag.toString(16)}: values are ${over} bytes too large`);
    }
    area.set(record, at);
    at += record.length;
  }
  return area;
}

/** The bytes without their zero tail between the records and the checksum, as a recipe. */
function sparse(copy: Uint8Array): Recipe {
  let used = metaCopy.offsets.checksum;
  while (copy[used - 1] === 0) used--;
  return place(COPY_BYTES, [
    { offset: 0, content: inline(copy.subarray(0, used)) },
    { offset: metaCopy.offsets.checksum, content: inline(copy.subarray(metaCopy.offsets.checksum)) },
  ]);
}

/**
 * A META partition (1 MiB) that holds `values`, written in ascending tag order; of equal tags the last
 * counts (outputs.md 2.11). An empty list gives valid empty copies. Throws `tag_invalid` and
 * `values_too_large` (all values with 8 bytes each must fit 262104 bytes).
 */
export function metaPartition(values: readonly MetaValue[]): Recipe {
  const records = encodeRecords(values);
  const blank = metaCopy.encode({ records, checksum: new Uint8Array(32) });
  const checksum = digestBytes(sha256(blank));
  const copy = sparse(metaCopy.encode({ records, checksum }));
  return place(PARTITION_BYTES, [
    { offset: 0, content: copy },
    { offset: COPY_BYTES, content: copy },
  ]);
}
