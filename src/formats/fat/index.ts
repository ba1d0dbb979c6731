/**
 * FAT32 volumes as mkfs.fat and mcopy make them for the reference (outputs.md 2.8, 3.4), and FAT12
 * floppies of 2.88 MB as mformat and mcopy do (outputs.md 3.5).
 *
 * Written: boot sector, two equal FATs, short and long names with case bits, one time stamp for
 * everything, files contiguous, directories depth-first; for FAT32 also the boot sector's backup,
 * FSInfo and the volume label.
 * Read: files and label of FAT12 and FAT32 volumes.
 * Refused: FAT16, other floppies, names that differ in case only, reserved characters, trailing dots.
 *
 * | limit | value |
 * |---|---|
 * | volume | 2 clusters up to 2^32 - 1 sectors of 512 to 4096 bytes |
 * | floppy | 2863 clusters of 1024 bytes, 240 slots in the root |
 * | file | 4 GiB - 1 |
 * | directory | 65536 slots of 32 bytes, 64 levels deep |
 * | name | 255 UTF-16 units |
 * | time | 1980 to 2107, steps of 2 seconds |
 */
export { fat12Floppy } from "./fat12.ts";
export { fat32Volume } from "./fat32.ts";
export { espSectorsPerCluster, type FatGeometry, fatGeometry } from "./geometry.ts";
export { type FatEntry, FatError, type FatErrorCode, type FatTree, type FatVolume } from "./model.ts";
export { type FoundVolume, looksLikeFat, readFat } from "./read.ts";
