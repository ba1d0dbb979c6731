// The .xz file format 1.1.0 ("xz spec"); numbers in brackets are its sections. LZMA2 chunks as liblzma and the
// Linux kernel (lib/xz/xz_dec_lzma2.c) read them.
import { KiB, MiB } from "../../bytes/align.ts";
import { ascii, bytes, constant, struct, u8, u16be, u32le } from "../../bytes/struct.ts";

/** Magic of the stream header [2.1.1.1]. */
const HEADER_MAGIC = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00);

/** Check id of CRC32 [2.1.1.2], the only check every decoder knows, the kernel's among them. */
export const CHECK_CRC32 = 1;
export const CHECK_BYTES = 4;

/** Stream flags: a reserved byte and the check id [2.1.1.2]. */
export const STREAM_FLAGS = struct({ name: "xz stream flags", size: 2 }, { reserved: constant(u8, 0), check: u8 });

/** [2.1.1] */
export const STREAM_HEADER = struct(
  { name: "xz stream header", size: 12 },
  { magic: constant(bytes(HEADER_MAGIC.length), HEADER_MAGIC), flags: STREAM_FLAGS, flagsCrc: u32le },
);

/** The part of the stream footer its CRC32 covers [2.1.2]. */
export const FOOTER_BODY = struct({ name: "xz footer body", size: 6 }, { backwardSize: u32le, flags: STREAM_FLAGS });

/** [2.1.2] */
export const STREAM_FOOTER = struct(
  { name: "xz stream footer", size: 12 },
  { crc: u32le, body: bytes(FOOTER_BODY.size), magic: constant(ascii(2), "YZ") },
);

/** Sizes of headers, index and blocks are multiples of this [1.1]. */
export const ALIGNMENT = 4;

/** Block flags: both sizes are present, one filter [3.1.2]. */
export const BLOCK_FLAGS = 0xc0;

/** Filter id and properties size of LZMA2 [5.3.1]. */
export const LZMA2_FILTER = 0x21;
export const LZMA2_PROPERTIES_BYTES = 1;

/** Dictionary size byte for 64 KiB [5.3.1]: (2 | bit 0) << (bits 1-5 + 11). */
export const LZMA2_DICTIONARY_64K = 8;

/** First byte of the index [4.1]. */
export const INDEX_INDICATOR = 0;

/** Control bytes of LZMA2 chunks: end, uncompressed with and without dictionary reset, LZMA. */
export const CONTROL = {
  end: 0x00,
  rawDictionaryReset: 0x01,
  raw: 0x02,
  /** LZMA with state reset and new properties; the low five bits are bits 16-20 of the size - 1. */
  lzmaNewProperties: 0xc0,
  /** The same with dictionary reset. */
  lzmaDictionaryReset: 0xe0,
} as const;

export const RAW_CHUNK = struct({ name: "lzma2 raw chunk", size: 3 }, { control: u8, sizeMinus1: u16be });
export const LZMA_CHUNK = struct(
  { name: "lzma2 lzma chunk", size: 6 },
  { control: u8, sizeMinus1: u16be, packedMinus1: u16be, properties: u8 },
);

/** Most bytes an uncompressed chunk holds, and an LZMA chunk decodes to. */
export const RAW_CHUNK_MAX = 64 * KiB;
export const LZMA_CHUNK_MAX = 2 * MiB;
