/** Partitions of recorded disks without a file system: META, GRUB's core image, zeros. */
import { createHash } from "node:crypto";
import { type Recipe, read } from "../../src/extents/index.ts";
import { bytesBeforeZeros } from "../support/disk-reader.ts";
import type { Made } from "./artifacts.ts";
import type { Comparison } from "./family.ts";

interface RecordedTag {
  readonly tag: number;
  readonly size: number;
  readonly text?: string;
}

/** Of a META partition; `zeros` when nothing is written. */
export type RecordedMeta =
  | "zeros"
  | {
      readonly sha256: string;
      readonly magic1: string;
      readonly magic2: string;
      readonly tags: readonly RecordedTag[];
      readonly checksumOk: boolean;
      readonly secondCopyEqual: boolean;
      readonly after512KiB: string;
    };

const META_COPY = 256 * 1024;
const META_CHECKSUM = 262_108;
const META_TAIL = 262_140;

function tagsOf(copy: Buffer, recorded: readonly RecordedTag[]): readonly RecordedTag[] {
  const tags: RecordedTag[] = [];
  for (let at = 4; copy.readUInt32BE(at) !== 0; ) {
    const [tag, size] = [copy.readUInt32BE(at), copy.readUInt32BE(at + 4)];
    const text = copy.toString("utf8", at + 8, at + 8 + size);
    const hasText = recorded.find((other) => other.tag === tag)?.text !== undefined;
    tags.push({ tag, size, ...(hasText ? { text } : {}) });
    at += 8 + size;
  }
  return tags;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** META (outputs.md 2.11): the tags in any order, and with one tag at most the very bytes. */
export async function compareMeta(recorded: RecordedMeta, partition: Recipe, { imager }: Made): Promise<Comparison> {
  const bytes = Buffer.from(await read(partition, imager.blobs));
  if (recorded === "zeros" || isZero(bytes)) return { recorded, ours: isZero(bytes) ? "zeros" : "values" };
  const { tags, sha256, magic1, magic2, checksumOk, secondCopyEqual, after512KiB } = recorded;
  const copy = bytes.subarray(0, META_COPY);
  const blank = Buffer.from(copy).fill(0, META_CHECKSUM, META_TAIL);
  const checksum = createHash("sha256").update(blank).digest();
  const ordered = tags.length < 2;
  const own = tagsOf(copy, tags);
  return {
    recorded: {
      tags: tags.toSorted((a, b) => a.tag - b.tag).map(({ tag, size, text }) => ({ tag, size, text })),
      sha256: ordered ? sha256 : undefined,
      ...{ magic1, magic2, checksumOk, secondCopyEqual, after512KiB },
    },
    ours: {
      tags: own.toSorted((a, b) => a.tag - b.tag),
      sha256: ordered ? createHash("sha256").update(bytes).digest("hex") : undefined,
      magic1: `0x${copy.readUInt32BE(0).toString(16)}`,
      magic2: `0x${copy.readUInt32BE(META_TAIL).toString(16)}`,
      checksumOk: copy.subarray(META_CHECKSUM, META_TAIL).equals(checksum),
      secondCopyEqual: bytes.subarray(META_COPY, 2 * META_COPY).equals(copy),
      after512KiB: isZero(bytes.subarray(2 * META_COPY)) ? "zeros" : "values",
    },
  };
}

/** Of a partition without a file system. */
export type RecordedBytes = string | { readonly nonZeroLength: number; readonly sector0Tail: string };

/** Where the first sector of a core image says what to load: 16 bytes before its end (GRUB: boot/i386/pc/diskboot.S). */
const BLOCK_LIST = 0x1f0;

/** The block list of a core image: where the rest is, whether it is all of it, and where it goes. */
function blockList(tail: Buffer, imageBytes: number) {
  const loaded = 512 + tail.readUInt16LE(12) * 512;
  return {
    start: Number(tail.readBigUInt64LE(4)),
    loadsAll: loaded >= imageBytes && loaded < imageBytes + 512,
    segment: tail.readUInt16LE(14),
  };
}

/** Zeros, or GRUB's core image: of that, being another version, only what the place it stands at decides (outputs.md 2.10). */
export async function compareBytes(
  recorded: RecordedBytes | undefined,
  partition: Recipe,
  { imager }: Made,
): Promise<Comparison> {
  const used = bytesBeforeZeros(partition);
  const bytes = Buffer.from(await read(partition, imager.blobs, 0, used));
  if (typeof recorded !== "object" || isZero(bytes)) {
    // An unused BIOS partition is called empty.
    return { recorded: recorded === "empty" ? "zeros" : recorded, ours: isZero(bytes) ? "zeros" : "values" };
  }
  return {
    recorded: blockList(Buffer.from(recorded.sector0Tail, "hex"), recorded.nonZeroLength),
    ours: blockList(bytes.subarray(BLOCK_LIST, 512), bytes.length),
  };
}
