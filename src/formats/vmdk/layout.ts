// VMware Virtual Disk Format 1.1; all numbers are little-endian.
import { ascii, bytes, constant, struct, u8, u16le, u32be, u32le, u64le, zeros } from "../../bytes/struct.ts";

export const SECTOR_BYTES = 512;
export const GRAIN_SECTORS = 128;
/** Grains of a grain table. */
export const TABLE_GRAINS = 512;

/** Where the descriptor stands, and the room it has, in sectors. */
export const DESCRIPTOR_SECTOR = 1;
export const DESCRIPTOR_SECTORS = 20;

/** Valid newline test, compressed grains, markers. */
const FLAGS = 0x00030001;
const DEFLATE = 1;

export const HEADER = struct(
  { name: "vmdk header", size: SECTOR_BYTES },
  {
    magic: constant(ascii(4), "KDMV"),
    version: constant(u32le, 3),
    flags: constant(u32le, FLAGS),
    capacity: u64le,
    grainSectors: constant(u64le, GRAIN_SECTORS),
    descriptorSector: constant(u64le, DESCRIPTOR_SECTOR),
    descriptorSectors: constant(u64le, DESCRIPTOR_SECTORS),
    tableGrains: constant(u32le, TABLE_GRAINS),
    redundantDirectory: constant(u64le, 0),
    directory: u64le,
    overhead: u64le,
    uncleanShutdown: constant(u8, 0),
    newlines: constant(ascii(4), "\n \r\n"),
    compression: constant(u16le, DEFLATE),
    padding: zeros(433),
  },
);

/** An entry of the grain directory and of a grain table: a sector of the image, 0 for none. */
export const TABLE_ENTRY = u32le;

/** Before each grain: its first sector on the disk and the bytes of the zlib stream that follow. */
export const GRAIN_MARKER = struct({ name: "vmdk grain marker", size: 12 }, { sector: u64le, bytes: u32le });

/** Start of a zlib stream of stored data: deflate, window of 32 KiB, fastest level (RFC 1950 2.2). */
const ZLIB_HEADER = Uint8Array.of(0x78, 0x01);
/** A stored block: last-block bit, then its length and the complement (RFC 1951 3.2.4). */
const STORED_BLOCK = struct({ name: "deflate stored block", size: 5 }, { last: u8, bytes: u16le, inverse: u16le });
/** A block holds one byte less than a grain. */
export const STORED_MAX = 0xffff;

/** What stands before the bytes of a stored grain. */
export const STORED_HEAD = struct(
  { name: "vmdk stored grain", size: 19 },
  { marker: GRAIN_MARKER, zlib: constant(bytes(ZLIB_HEADER.length), ZLIB_HEADER), block: STORED_BLOCK },
);
/** A second block for the last byte of a whole grain. */
export const STORED_LAST = struct({ name: "vmdk stored byte", size: 6 }, { block: STORED_BLOCK, byte: u8 });
/** Adler-32 of the content, at the end (RFC 1950 2.2). */
export const ZLIB_CHECK = struct({ name: "zlib check", size: 4 }, { adler32: u32be });

/** Fields of a stored block of a length. */
export function storedBlock(
  length: number,
  last: boolean,
): { readonly last: number; readonly bytes: number; readonly inverse: number } {
  return { last: last ? 1 : 0, bytes: length, inverse: STORED_MAX - length };
}
