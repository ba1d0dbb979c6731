/**
 * cpio in the newc form, as the kernel unpacks it from an initramfs.
 *
 * Written: directories, files (bodies stay recipes) and symlinks, owner 0:0, one archive per call.
 * Refused: bodies of 4 GiB and more, names and targets beyond PATH_MAX or with a NUL, absolute paths,
 * `.` and `..` parts, the name `TRAILER!!!`, a path listed twice, mtimes outside 32 bits.
 * Not written: hard links, devices, the checksummed variant, extended attributes (newc has none).
 * Read: newc and its checksummed variant (sums are not verified), any number of archives in a row.
 *
 * | limit | value |
 * |---|---|
 * | body | 2^32-1 bytes |
 * | path, symlink target | 4095 bytes of UTF-8 |
 * | members | 2^32-1 less the first inode number |
 */

export {
  type CpioEntry,
  CpioError,
  type CpioErrorCode,
  type CpioLimits,
  type CpioOptions,
  type CpioRecord,
} from "./model.ts";
export { readCpio } from "./read.ts";
export { cpioArchive } from "./write.ts";
