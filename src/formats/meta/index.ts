/**
 * META partitions of Talos (outputs.md 2.11): tagged values in two checksummed copies.
 *
 * Written: both copies, tags ascending. Left zero: the legacy syslinux area in the last 1024 bytes.
 * Refused: tags outside 1..255, values that need more than 262104 bytes together.
 */
export { MetaError, type MetaErrorCode, type MetaValue } from "./model.ts";
export { readMeta } from "./read.ts";
export { metaPartition } from "./write.ts";
