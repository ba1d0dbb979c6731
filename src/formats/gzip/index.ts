/**
 * gzip files (RFC 1952) stitched of deflate data (RFC 1951) without decoding or reading any of it.
 *
 * Written: one member. Its deflate data is a row of parts that each end on a byte and refer to nothing before them: bytes by
 * reference in stored blocks, zeros as one constant block, and what a compressor made and flushed. The member's CRC32
 * is made of those of the parts. Not written: several members, comments, extra fields, times.
 *
 * | limit | value |
 * |---|---|
 * | stored block | 65535 bytes |
 * | content | 2^53 - 1 bytes; the trailer counts modulo 2^32 |
 * | name | Latin-1, no NUL |
 */
export { GzipError, type GzipErrorCode, type GzipOptions, type GzipPart } from "./model.ts";
export { deflateStored } from "./stored.ts";
export { gzipMember } from "./write.ts";
