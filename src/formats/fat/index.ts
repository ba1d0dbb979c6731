/**
 * FAT32 volumes as mkfs.fat and mcopy make them for the reference (outputs.md 2.8, 3.4).
 *
 * Written: boot sector with backup, FSInfo, two equal FATs, volume label, short and long names with
 * case bits, one time stamp for everything, files contiguous, directories depth-first.
 * Refused: FAT12 and FAT16, names that differ in case only, reserved characters, trailing dots.
 *
 * | limit | value |
 * |---|---|
 * | volume | 2 clusters up to 2^32 - 1 sectors of 512 to 4096 bytes |
 * | file | 4 GiB - 1 |
 * | directory | 65536 slots of 32 bytes, 64 levels deep |
 * | name | 255 UTF-16 units |
 * | time | 1980 to 2107, steps of 2 seconds |
 */
export { espSectorsPerCluster, type FatGeometry, fatGeometry } from "./geometry.ts";
export { type FatEntry, FatError, type FatErrorCode, type FatVolume } from "./model.ts";
export { fat32Volume } from "./write.ts";
