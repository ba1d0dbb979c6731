// RFC 1952 (gzip) and RFC 1951 (deflate). Numbers in brackets are their sections.
import { constant, struct, u8, u16le, u32le } from "../../bytes/struct.ts";

/** Header flag: the original file name follows, ended by NUL [1952, 2.3.1]. */
export const FLAG_NAME = 1 << 3;

/** [1952, 2.3] No time, no statement about the effort of the compressor, made on Unix. */
export const MEMBER_HEADER = struct(
  { name: "gzip member header", size: 10 },
  {
    magic: constant(u16le, 0x8b1f),
    method: constant(u8, 8),
    flags: u8,
    mtime: constant(u32le, 0),
    extraFlags: constant(u8, 0),
    system: constant(u8, 3),
  },
);

/** [1952, 2.3] The size is modulo 2^32. */
export const MEMBER_TRAILER = struct({ name: "gzip member trailer", size: 8 }, { crc32: u32le, size: u32le });

/** Length of a stored block and its complement, on a byte boundary after the three bits of the block header [1951, 3.2.4]. */
export const STORED_LENGTH = struct({ name: "deflate stored length", size: 4 }, { length: u16le, complement: u16le });
export const STORED_MAX = 0xffff;

/** An empty final block with fixed codes [1951, 3.2.6]: 1, 01, the seven zeros that end a block, padding. */
export const FINAL_BLOCK = Uint8Array.of(0x03, 0x00);

/** Block types [1951, 3.2.3]. */
export const BLOCK_TYPE = { stored: 0, dynamic: 2 } as const;

/** Order in which the lengths of the code length codes stand [1951, 3.2.7]. */
export const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const;

/** Code length symbol for 11 to 138 zero lengths, counted in seven bits [1951, 3.2.7]. */
export const REPEAT_ZERO = { symbol: 18, min: 11, max: 138, bits: 7 } as const;

/** Symbols of the literal/length alphabet: end of block, and the longest match [1951, 3.2.5]. */
export const END_OF_BLOCK = 256;
export const LONGEST_MATCH = { symbol: 285, length: 258 } as const;
