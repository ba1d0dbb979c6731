// RFC 8878 (Zstandard). Numbers in brackets are its sections.
import { KiB } from "../../bytes/align.ts";

/** First four bytes of a frame, little-endian [3.1.1]. */
export const FRAME_MAGIC = 0xfd2fb528;

/** Skippable frames begin with any of 16 magics, 0x184D2A50 to 0x184D2A5F [3.1.2]. */
export const SKIPPABLE_MAGIC = 0x184d2a50;
export const SKIPPABLE_MAGIC_MASK = 0xfffffff0;

export const MAGIC_BYTES = 4;
/** Content length of a skippable frame, after its magic [3.1.2]. */
export const SKIPPABLE_SIZE_BYTES = 4;
export const BLOCK_HEADER_BYTES = 3;
/** Low half of XXH64 after the last block [3.1.1]. */
export const CHECKSUM_BYTES = 4;

/** Bits of the frame header descriptor [3.1.1.1.1]. */
export const DESCRIPTOR = {
  contentSizeShift: 6,
  singleSegment: 1 << 5,
  reserved: 1 << 3,
  checksum: 1 << 2,
  dictionaryMask: 3,
} as const;

/** Width in bytes of the dictionary id, by descriptor flag [3.1.1.1.3]. */
export const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;

/** Width in bytes of the content size, by descriptor flag; flag 0 is one byte in single-segment frames [3.1.1.1.4]. */
export const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
/** The two-byte form counts from 256 [3.1.1.1.4]. */
export const CONTENT_SIZE_2_BIAS = 256;

/** Window descriptor: exponent above 10 in the high five bits, eighths in the low three [3.1.1.1.2]. */
export const WINDOW_LOG_MIN = 10;
export const WINDOW_EXPONENT_SHIFT = 3;
export const WINDOW_MANTISSA_MASK = 7;

/** Block header: last-block bit, two bits of type, 21 bits of size [3.1.1.2]. */
export const BLOCK_LAST = 1;
export const BLOCK_TYPE_SHIFT = 1;
export const BLOCK_TYPE_MASK = 3;
export const BLOCK_SIZE_SHIFT = 3;
export const BLOCK_TYPE = { raw: 0, rle: 1, compressed: 2, reserved: 3 } as const;

/** No block decodes to more, whatever the window [3.1.1.2.4]. */
export const BLOCK_MAX_BYTES = 128 * KiB;
