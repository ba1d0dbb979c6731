/**
 * GPT disks laid out as the reference lays them out (outputs.md 2.4 to 2.6, 6.5).
 *
 * Written: protective MBR with optional boot code, both headers and entry arrays, partition bodies as
 * given. Read: the primary table, checksums left aside. Not written: hybrid MBRs. Refused: disks and partitions without room.
 *
 * | limit | value |
 * |---|---|
 * | sector | 512 to 65536 bytes |
 * | disk | 2^53 bytes |
 * | partitions | 128, names of 36 UTF-16 units, starts 1 MiB aligned |
 */
export { type GptDisk, GptError, type GptErrorCode, type GptPartition, type PlacedPartition } from "./model.ts";
export { type FoundGpt, type FoundPartition, readGpt } from "./read.ts";
export { gptDisk } from "./write.ts";
