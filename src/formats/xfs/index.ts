/**
 * XFS version 5 as mkfs.xfs 7.2 makes it with an options file of a long-term kernel and a protofile (outputs.md 2.9).
 *
 * Written: four groups and a clean log of 64 MiB; directories inside their inode, in one block, or in blocks with one
 * leaf; files as extents listed in the inode; all trees of a group, of which that of owners may have two levels.
 * Owner is always 0:0, and all times are one.
 * Refused: what needs larger structures, links and special files.
 *
 * | limit | value |
 * |---|---|
 * | volume | 300 MiB to 128 GiB, sectors of 512 or 4096 bytes, blocks of 4096 |
 * | file | what 21 extents hold, 12 with parent pointers; fewer for names longer than 125 bytes |
 * | directory | 500 entries, some less with long names, 64 levels deep |
 * | name | 254 bytes |
 * | inodes | 16128 in a group |
 * | time | 1970 to 2486, in seconds |
 */
export { type XfsEntry, XfsError, type XfsErrorCode, type XfsFeatureSet, type XfsVolume } from "./model.ts";
export { xfsVolume } from "./write.ts";
