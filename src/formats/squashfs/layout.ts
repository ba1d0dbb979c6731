import { constant, type Field, flags64le, struct, u16le, u32le, u64le } from "../../bytes/struct.ts";

// Everything here is from the kernel's description of the format, fs/squashfs/squashfs_fs.h and
// Documentation/filesystems/squashfs.rst, unless a line says otherwise.

/** "hsqs" as a little-endian number. */
export const MAGIC = 0x73717368;

export const VERSION = { major: 4, minor: 0 } as const;

/** Codes of the compressors we write and read. */
export const COMPRESSORS = { xz: 4, zstd: 6 } as const;

/** Superblock flags. Fragments for small files only, so "always fragments" is never set. */
export const FLAGS = { duplicates: 1 << 6, exportable: 1 << 7, compressorOptions: 1 << 10 } as const;

/** Tables that are not there start at "all ones". */
export const NO_TABLE = 0xffff_ffff_ffff_ffffn;

/** Uncompressed size of every metadata block but the last of a table. */
export const METADATA_BYTES = 8192;

/** Set in a metadata block's header when the block is stored as it is. */
export const METADATA_STORED = 1 << 15;

/** Set in a data block's or fragment's size when it is stored as it is. */
export const DATA_STORED = 1 << 24;

/** "No fragment", and "no extended attributes". */
export const NONE = 0xffffffff;

/** A directory's size counts three bytes more than its listing takes: room for `.` and `..`. */
export const DIRECTORY_EXTRA = 3;

/** Entries after one directory header. */
export const ENTRIES_PER_HEADER = 256;

/** Longest name; the format could say 256, Linux looks up 255 (NAME_MAX, linux/limits.h). */
export const NAME_MAX = 255;

/** Longest path or symlink target, without a NUL (PATH_MAX, linux/limits.h). */
export const PATH_BYTES = 4095;

/** Smallest and largest block size. */
export const BLOCK_SIZES = { min: 4096, max: 1024 * 1024 } as const;

/** mksquashfs pads images to this many bytes, so that they can be loop-mounted. */
export const PADDING = 4096;

/** Level at which mksquashfs leaves the zstd options out (zstd_wrapper.h, ZSTD_DEFAULT_COMPRESSION_LEVEL). */
export const ZSTD_DEFAULT_LEVEL = 15;

/** Inode types; each extended one is its basic one plus 7. */
export const TYPES = { directory: 1, file: 2, symlink: 3, block: 4, char: 5, fifo: 6, socket: 7 } as const;
export const EXTENDED = 7;

/** Extended attribute namespaces by their code. */
export const XATTR_PREFIXES = ["user.", "trusted.", "security."] as const;

/** A signed 16-bit difference between inode numbers. */
const s16le: Field<number> = {
  size: u16le.size,
  write: (view, at, value) => {
    if (value < -0x8000 || value > 0x7fff) throw new RangeError(`${value} is not in -32768..32767`);
    u16le.write(view, at, value & 0xffff);
  },
  read: (view, at) => (u16le.read(view, at) << 16) >> 16,
};
export const MAX_DELTA = 0x7fff;

export const superblock = struct(
  { name: "squashfs superblock", size: 96 },
  {
    magic: constant(u32le, MAGIC),
    inodes: u32le,
    mkfsTime: u32le,
    blockSize: u32le,
    fragments: u32le,
    compression: u16le,
    blockLog: u16le,
    flags: u16le,
    ids: u16le,
    major: constant(u16le, VERSION.major),
    minor: constant(u16le, VERSION.minor),
    rootInode: u64le,
    bytesUsed: u64le,
    idTable: u64le,
    xattrTable: flags64le,
    inodeTable: u64le,
    directoryTable: u64le,
    fragmentTable: u64le,
    exportTable: u64le,
  },
);

export const metadataHeader = struct({ name: "squashfs metadata header", size: 2 }, { size: u16le });

/** Options of zstd, in a metadata block right behind the superblock (squashfs-tools zstd_wrapper.h). */
export const zstdOptions = struct({ name: "squashfs zstd options", size: 4 }, { level: u32le });

export const inodeHeader = struct(
  { name: "squashfs inode", size: 16 },
  { type: u16le, mode: u16le, uid: u16le, gid: u16le, mtime: u32le, number: u32le },
);

export const directoryInode = struct(
  { name: "squashfs directory inode", size: 16 },
  { startBlock: u32le, links: u32le, size: u16le, offset: u16le, parent: u32le },
);

export const extendedDirectoryInode = struct(
  { name: "squashfs extended directory inode", size: 24 },
  { links: u32le, size: u32le, startBlock: u32le, parent: u32le, indexes: u16le, offset: u16le, xattr: u32le },
);

export const fileInode = struct(
  { name: "squashfs file inode", size: 16 },
  { start: u32le, fragment: u32le, offset: u32le, size: u32le },
);

export const extendedFileInode = struct(
  { name: "squashfs extended file inode", size: 40 },
  { start: u64le, size: u64le, sparse: u64le, links: u32le, fragment: u32le, offset: u32le, xattr: u32le },
);

export const symlinkInode = struct({ name: "squashfs symlink inode", size: 8 }, { links: u32le, size: u32le });
export const deviceInode = struct({ name: "squashfs device inode", size: 8 }, { links: u32le, device: u32le });
export const fifoInode = struct({ name: "squashfs fifo inode", size: 4 }, { links: u32le });

/** Behind extended symlinks, devices and fifos. */
export const xattrSuffix = struct({ name: "squashfs xattr suffix", size: 4 }, { xattr: u32le });

/** `count` is one less than the entries that follow, at most 256. */
export const directoryHeader = struct(
  { name: "squashfs directory header", size: 12 },
  { count: u32le, startBlock: u32le, number: u32le },
);

/** `nameSize` is one less than the bytes of the name that follows. */
export const directoryEntry = struct(
  { name: "squashfs directory entry", size: 8 },
  { offset: u16le, delta: s16le, type: u16le, nameSize: u16le },
);

/** Where in a long directory the header with this first name is; `nameSize` is one less than the name. */
export const directoryIndex = struct(
  { name: "squashfs directory index", size: 12 },
  { listingOffset: u32le, startBlock: u32le, nameSize: u32le },
);

export const fragmentEntry = struct(
  { name: "squashfs fragment", size: 16 },
  { start: u64le, size: u32le, unused: constant(u32le, 0) },
);

export const xattrKey = struct({ name: "squashfs xattr key", size: 4 }, { prefix: u16le, nameSize: u16le });
export const xattrValue = struct({ name: "squashfs xattr value", size: 4 }, { size: u32le });
export const xattrId = struct({ name: "squashfs xattr id", size: 16 }, { ref: u64le, count: u32le, size: u32le });
export const xattrTableHeader = struct(
  { name: "squashfs xattr table", size: 16 },
  { start: u64le, ids: u32le, unused: constant(u32le, 0) },
);

/** Numbers one after another, 32 or 64 bits wide. */
export function words(width: 32 | 64, values: readonly number[]): Uint8Array {
  const field = width === 32 ? u32le : u64le;
  const out = new Uint8Array(values.length * field.size);
  const view = new DataView(out.buffer);
  for (const [i, value] of values.entries()) field.write(view, i * field.size, value);
  return out;
}

/** What `words` wrote. Throws RangeError for 64-bit numbers that are no safe integers. */
export function readWords(width: 32 | 64, bytes: Uint8Array): number[] {
  const field = width === 32 ? u32le : u64le;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / field.size }, (_, i) => field.read(view, i * field.size));
}
