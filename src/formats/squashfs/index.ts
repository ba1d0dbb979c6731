/**
 * squashfs 4.0, little-endian, as mksquashfs writes it by default (imager.md 5.5).
 *
 * Written, strictly forward behind a superblock that is given last: files, directories, symlinks, hard
 * links, devices, fifos, sockets; user, trusted and security attributes; small files in fragments, holes
 * for blocks of zeros, equal files once, export table, zstd or xz. All owners are 0:0, all times one.
 * Refused: paths that are absolute or have `.` or `..` parts, a path added twice, a body whose length is
 * not the announced one, other attribute namespaces (POSIX ACLs are `system.`).
 * Not written: tails of larger files in fragments, gzip, lzo, lz4, lzma, the big-endian and older forms.
 * Read: names, modes and contents of zstd and xz images; not attributes, owners or device numbers.
 *
 * | limit | value |
 * |---|---|
 * | name, path, symlink target | 255, 4095, 4095 bytes of UTF-8 |
 * | time | 2^32-1 seconds |
 * | block | 4 KiB to 1 MiB |
 * | search for equal files | files up to 16 MiB |
 * | attribute name, value | 255, 65536 bytes |
 */

export type { SquashfsSource } from "./image.ts";
export {
  type SquashfsAttributes,
  type SquashfsCompression,
  type SquashfsEntry,
  SquashfsError,
  type SquashfsErrorCode,
  type SquashfsInfo,
  type SquashfsLimits,
  type SquashfsNode,
  type SquashfsOptions,
  type SquashfsResult,
  type SquashfsSpecial,
} from "./model.ts";
export { openSquashfs, type SquashfsReader } from "./read.ts";
export { SquashfsWriter } from "./write.ts";
