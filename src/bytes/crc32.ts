import { crc32 as zlibCrc32 } from "node:zlib";

/** CRC-32/IEEE (polynomial 0xEDB88320, reflected) of `bytes`; pass an earlier result to continue it. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return zlibCrc32(bytes, seed);
}
