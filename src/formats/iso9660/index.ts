/**
 * ISO 9660 images, interchange level 3 with Rock Ridge, for booting by UEFI, GRUB or both (outputs.md 3.1 to 3.5).
 *
 * | variant | given | system area |
 * |---|---|---|
 * | UEFI | `appendedPartition` | plain MBR, no boot code |
 * | hybrid | `appendedPartition`, `grubBoot` | GRUB's boot sector, GPT with the ESP behind the file system |
 * | GRUB | `grubBoot`, ESP as a file | GRUB's boot sector, GPT with the ESP inside the file system |
 *
 * Written: El Torito catalog, descriptors, path tables and directories with PX, TF, NM, SL, CE and ER entries,
 * a second set of those for partition 1 in front of an appended ESP at a whole MiB, multi-extent files,
 * boot info in GRUB's El Torito image, 150 zero blocks at the end and the backup GPT behind them.
 * Read: volume, boot catalog, files by their Rock Ridge names.
 * Not written: devices, Joliet, HFS+, Apple partition maps.
 *
 * | limit | value |
 * |---|---|
 * | image | 2 TiB (32-bit sector numbers of the MBR) |
 * | file | image |
 * | directories | 65535, 64 levels deep (not relocated beyond 8) |
 * | name | 255 bytes; identifiers of 30 and 31 characters are made from them |
 * | target of a symbolic link | 1023 bytes |
 * | volume id | 32 of A-Z 0-9 _ |
 * | time | 1970 to 2155 |
 * | boot entries | 32 |
 * | GRUB's El Torito image | 1 MiB, held in memory |
 */

export { isoImage } from "./image.ts";
export { type IsoBootEntry, type IsoEntry, IsoError, type IsoErrorCode, type IsoImage } from "./model.ts";
export { type FoundBoot, type FoundIso, looksLikeIso, readIso } from "./read.ts";
