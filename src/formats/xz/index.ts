// .xz streams without compression (xz file format 1.1.0).
// Written: one stream with CRC32 checks, blocks of 8 MiB with both sizes in their headers, LZMA2 with a 64 KiB
// dictionary: uncompressed chunks for bytes (by reference), LZMA chunks for longer runs of zeros. `xz`, liblzma
// and the Linux kernel's decoder take it.
// Refused: content whose checks are not all given. Nothing is read or decoded here.
// | limit       | value       |
// | block       | 8 MiB       |
// | stored chunk | 64 KiB     |
// | zeros chunk | 2 MiB       |
export { XZ_BLOCK_BYTES, type XzBlock, XzError, type XzErrorCode, xzBlocks } from "./model.ts";
export { xzStored } from "./write.ts";
