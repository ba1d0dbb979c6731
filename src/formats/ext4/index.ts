/**
 * ext4 file systems as mke2fs 1.47 divides them for the reference (outputs.md 2.12).
 *
 * Written: directories, files and symbolic links of owner 0:0, all with one time; `lost+found`, journal, orphan file,
 * resize inode, checksums of all metadata. Directories are linear, as mke2fs leaves them. When a tree has more entries
 * than the usual inodes there are more inodes; when it leaves no room for the usual journal that is 1024 blocks, or
 * there is none and no orphan file either.
 * Refused: what is below. Not written: hard links, devices, attributes, holes.
 *
 * | limit | value |
 * |---|---|
 * | volume | 1 MiB to 4 TiB - 1 MiB; blocks of 1024 bytes below 512 MiB with 512-byte sectors, else 4096 |
 * | file | the volume |
 * | tree | 250000 entries, 256 levels |
 * | name | 255 bytes of UTF-8 |
 * | link target | 1023 bytes of UTF-8 |
 * | time | 1970 to 2446 |
 */
export { type Ext4Contents, type Ext4Entry, Ext4Error, type Ext4ErrorCode, type Ext4Volume } from "./model.ts";
export { ext4MinimumBytes } from "./plan.ts";
export { ext4Volume } from "./write.ts";
