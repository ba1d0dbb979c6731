// GNU tar manual, "Basic Tar Format" (struct posix_header, oldgnu_header, sparse_header); sizes in bytes.
import { ascii, constant, type Field, struct, u8, zeros } from "../../bytes/struct.ts";

/** Headers and bodies are multiples of this. */
export const BLOCK_BYTES = 512;

/** GNU tar's default record, a blocking factor of 20: archives end on a multiple of it. */
export const RECORD_BYTES = 20 * BLOCK_BYTES;

/** Two blocks of zeros end an archive. */
export const END_BYTES = 2 * BLOCK_BYTES;

/** Type flags of regular and of sparse files. */
export const TYPE = { file: "0", sparse: "S" } as const;

/** First byte of a number in base 256. */
const BASE_256 = 0x80;

/** Octal digits and a NUL; a number with too many digits for 12 bytes stands in base 256 (manual, "Extensions"). */
function number(size: 8 | 12): Field<number> {
  const digits = ascii(size);
  const max = 8 ** (size - 1) - 1;
  return {
    size,
    write(view, at, value) {
      if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not in 0..2^53-1`);
      if (value <= max) return digits.write(view, at, value.toString(8).padStart(size - 1, "0"));
      if (size === 8) throw new RangeError(`${value} has more than ${size - 1} octal digits`);
      view.setUint8(at, BASE_256);
      view.setBigUint64(at + size - 8, BigInt(value));
    },
    read: (view, at) =>
      view.getUint8(at) === BASE_256
        ? Number(view.getBigUint64(at + size - 8))
        : Number.parseInt(digits.read(view, at), 8),
  };
}

/** A range of a sparse file that is in the archive: offset in the file and length, in bytes. */
export interface DataRange {
  readonly offset: number;
  readonly length: number;
}

const RANGE = struct({ name: "tar sparse range", size: 24 }, { offset: number(12), length: number(12) });

/** Up to `count` ranges; places that are not used stay NUL. */
function ranges(count: number): Field<readonly DataRange[]> {
  return {
    size: count * RANGE.size,
    write(view, at, values) {
      if (values.length > count) throw new RangeError(`${values.length} ranges are more than ${count}`);
      for (const [i, value] of values.entries()) RANGE.write(view, at + i * RANGE.size, value);
    },
    read(view, at) {
      const places = Array.from({ length: count }, (_, i) => at + i * RANGE.size);
      return places.filter((place) => view.getUint8(place) !== 0).map((place) => RANGE.read(view, place));
    },
  };
}

/** How many ranges the header holds, and each block that continues it. */
export const HEADER_RANGES = 4;
export const CONTINUATION_RANGES = 21;

/** What the checksum field counts for in the sum over all bytes. */
export const BLANK_CHECKSUM = " ".repeat(8);

const common = {
  name: ascii(100),
  mode: number(8),
  uid: constant(number(8), 0),
  gid: constant(number(8), 0),
  size: number(12),
  mtime: number(12),
  /** Six octal digits, NUL, blank. */
  checksum: ascii(8),
  type: ascii(1),
  linkName: zeros(100),
  magic: constant(ascii(8), "ustar  "),
  userName: ascii(32),
  groupName: ascii(32),
  devices: zeros(16),
};

export const FILE_HEADER = struct({ name: "tar header", size: BLOCK_BYTES }, { ...common, unused: zeros(167) });

export const SPARSE_HEADER = struct(
  { name: "tar sparse header", size: BLOCK_BYTES },
  {
    ...common,
    accessTime: zeros(12),
    changeTime: zeros(12),
    volumeOffset: zeros(12),
    longNames: zeros(4),
    unused: zeros(1),
    ranges: ranges(HEADER_RANGES),
    isContinued: u8,
    realSize: number(12),
    padding: zeros(17),
  },
);

/** A block after the header with more ranges. */
export const CONTINUATION = struct(
  { name: "tar sparse continuation", size: BLOCK_BYTES },
  { ranges: ranges(CONTINUATION_RANGES), isContinued: u8, padding: zeros(7) },
);
