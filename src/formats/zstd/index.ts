// Zstandard frames without compression (RFC 8878).
// Written: one frame of raw blocks (bytes, by reference) and RLE blocks (zeros), window 128 KiB, content size,
// no checksum, no dictionary; the Linux kernel's initramfs unpacker takes it, and any other decoder.
// Read: where a frame ends and what its header says; nothing is decoded here.
// Refused when reading: bad magics, reserved bits and block types, blocks above 128 KiB or the window.
// | limit        | value                    |
// | block        | 128 KiB                  |
// | content size | 2^53 bytes               |
export { ZstdError, type ZstdErrorCode } from "./model.ts";
export { type FrameInfo, FrameWalker, frameLength, inspectFrame } from "./read.ts";
export { type StoredOptions, zstdStored } from "./write.ts";
