/**
 * ISO 9660 images, interchange level 3 with Rock Ridge, for booting by UEFI (outputs.md 3.1 to 3.5).
 *
 * Written: system area with a plain MBR, two descriptor sets over the same files (one for the medium,
 * one for partition 1), El Torito catalog, path tables, directories with PX, TF, NM, CE and ER entries,
 * multi-extent files, an appended ESP at a whole MiB, 150 zero blocks at the end.
 * Refused: symbolic links and devices (there is no entry for them). Not written: Joliet, boot code,
 * GPT; `isoLayout` and `assembleIso` (write.ts) take any other system area in front.
 *
 * | limit | value |
 * |---|---|
 * | image | 2 TiB (32-bit sector numbers of the MBR) |
 * | file | image |
 * | directories | 65535, 64 levels deep (not relocated beyond 8) |
 * | name | 255 bytes; identifiers of 30 and 31 characters are made from them |
 * | volume id | 32 of A-Z 0-9 _ |
 * | time | 1970 to 2155 |
 * | boot entries | 32 |
 */
export { type IsoBootEntry, type IsoEntry, IsoError, type IsoErrorCode, type IsoImage } from "./model.ts";
export { isoImage } from "./uefi.ts";
