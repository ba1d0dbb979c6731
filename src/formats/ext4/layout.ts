import { ascii, bytes, constant, struct, u8, u16le, u32be, u32le, zeros } from "../../bytes/struct.ts";

/*
 * Structures and numbers of the kernel's "ext4 Data Structures and Algorithms" (Documentation/filesystems/ext4) and
 * fs/ext4/ext4.h; each constant names the section or header field. Block numbers fit 32 bits here, so their upper
 * halves are reserved zeros.
 */

/** Byte offset of the primary superblock ("Super Block"). */
export const SUPERBLOCK_OFFSET = 1024;
const SUPERBLOCK_BYTES = 1024;
/** s_desc_size with the 64bit feature. */
export const DESCRIPTOR_BYTES = 64;
/** Groups whose bitmaps and inode tables lie together: 2^s_log_groups_per_flex. */
const LOG_FLEX_GROUPS = 4;
export const FLEX_GROUPS = 2 ** LOG_FLEX_GROUPS;

export const INODE_BYTES = 256;
/** Inode numbers ("Special inodes"). */
export const ROOT_INODE = 2;
export const RESIZE_INODE = 7;
export const JOURNAL_INODE = 8;
/** s_first_ino: `lost+found` always gets the first one that is not reserved. */
export const FIRST_INODE = 11;
/** The orphan file's, where mke2fs puts it. */
export const ORPHAN_INODE = 12;

/** i_mode types and i_flags ("Index Nodes"). */
export const MODE_DIRECTORY = 0o040000;
export const MODE_FILE = 0o100000;
export const MODE_SYMLINK = 0o120000;
export const FLAG_EXTENTS = 0x80000;
export const BLOCK_MAP_BYTES = 60;
/** i_blocks counts these. */
export const SECTOR_BYTES = 512;
/** EXT4_LINK_MAX: with dir_nlink a directory with more counts as 1. */
export const LINK_MAX = 65000;

/** s_feature_compat: has_journal, ext_attr, resize_inode, dir_index, orphan_file. */
export const COMPAT = 0x0008 | 0x0010 | 0x0020;
export const COMPAT_JOURNAL = 0x0004 | 0x1000;
/** s_feature_incompat: filetype, extents, 64bit, flex_bg, csum_seed. */
const INCOMPAT = 0x0002 | 0x0040 | 0x0080 | 0x0200 | 0x2000;
/** s_feature_ro_compat: sparse_super, large_file, huge_file, dir_nlink, extra_isize, metadata_csum. */
const RO_COMPAT = 0x0001 | 0x0002 | 0x0008 | 0x0020 | 0x0040 | 0x0400;

/** bg_flags ("Block Group Descriptors"): bitmaps that readers work out, and a table that is known to be zero. */
export const GROUP_INODE_UNINIT = 0x1;
export const GROUP_BLOCK_UNINIT = 0x2;
export const GROUP_TABLE_ZEROED = 0x4;

export const superblock = struct(
  { name: "ext4 superblock", size: SUPERBLOCK_BYTES },
  {
    inodes: u32le,
    blocks: u32le,
    reservedBlocks: u32le,
    freeBlocks: u32le,
    freeInodes: u32le,
    firstDataBlock: u32le,
    logBlockSize: u32le,
    logClusterSize: u32le,
    blocksPerGroup: u32le,
    clustersPerGroup: u32le,
    inodesPerGroup: u32le,
    mountTime: zeros(4),
    writeTime: u32le,
    mounts: zeros(2),
    maxMounts: constant(u16le, 0xffff), // no check after a number of mounts
    magic: constant(u16le, 0xef53),
    state: constant(u16le, 1), // clean
    onError: constant(u16le, 1), // continue
    minorRevision: zeros(2),
    checkTime: u32le,
    checkInterval: zeros(4),
    creatorOs: constant(u32le, 0), // Linux
    revision: constant(u32le, 1), // dynamic inode sizes
    reservedOwner: zeros(4),
    firstInode: constant(u32le, FIRST_INODE),
    inodeBytes: constant(u16le, INODE_BYTES),
    groupNumber: u16le,
    compat: u32le,
    incompat: constant(u32le, INCOMPAT),
    roCompat: constant(u32le, RO_COMPAT),
    uuid: bytes(16),
    label: ascii(16),
    lastMounted: zeros(64),
    algorithms: zeros(4),
    preallocate: zeros(2),
    reservedDescriptorBlocks: u16le,
    journalUuid: zeros(16),
    journalInode: u32le,
    journalDevice: zeros(4),
    lastOrphan: zeros(4),
    hashSeed: bytes(16),
    hashVersion: constant(u8, 1), // half MD4
    journalBackup: u8,
    descriptorBytes: constant(u16le, DESCRIPTOR_BYTES),
    mountOptions: constant(u32le, 0x000c), // user_xattr, acl
    firstMetaGroup: zeros(4),
    makeTime: u32le,
    journalBlocks: bytes(68),
    blockCountsHigh: zeros(12),
    minExtraBytes: constant(u16le, 32),
    wantExtraBytes: constant(u16le, 32),
    flags: constant(u32le, 1), // directory hashes of signed characters
    raid: zeros(16),
    logFlexGroups: constant(u8, LOG_FLEX_GROUPS),
    checksumType: constant(u8, 1), // crc32c
    encryption: zeros(2),
    snapshots: zeros(32),
    errors: zeros(104),
    quota: zeros(72),
    overheadBlocks: u32le,
    backupGroups: zeros(8),
    encryptionAlgorithms: zeros(20),
    lostFoundInode: zeros(4),
    projectQuotaInode: zeros(4),
    checksumSeed: u32le,
    writeTimeHigh: u8,
    mountTimeHigh: zeros(1),
    makeTimeHigh: u8,
    checkTimeHigh: u8,
    errorTimes: zeros(4),
    encoding: zeros(4),
    orphanInode: u32le,
    reserved: zeros(376),
    checksum: u32le,
  },
);

export const groupDescriptor = struct(
  { name: "ext4 group descriptor", size: DESCRIPTOR_BYTES },
  {
    blockBitmap: u32le,
    inodeBitmap: u32le,
    inodeTable: u32le,
    freeBlocks: u16le,
    freeInodes: u16le,
    directories: u16le,
    flags: u16le,
    exclude: zeros(4),
    blockBitmapChecksum: u16le,
    inodeBitmapChecksum: u16le,
    unusedInodes: u16le,
    checksum: u16le,
    high: zeros(24),
    blockBitmapChecksumHigh: u16le,
    inodeBitmapChecksumHigh: u16le,
    reserved: zeros(4),
  },
);

export const inode = struct(
  { name: "ext4 inode", size: INODE_BYTES },
  {
    mode: u16le,
    owner: zeros(2),
    sizeLow: u32le,
    accessTime: u32le,
    changeTime: u32le,
    modifyTime: u32le,
    deleteTime: zeros(4),
    group: zeros(2),
    links: u16le,
    sectorsLow: u32le,
    flags: u32le,
    version: zeros(4),
    blockMap: bytes(BLOCK_MAP_BYTES),
    generation: constant(u32le, 0),
    attributes: zeros(4),
    sizeHigh: u32le,
    fragment: zeros(4),
    sectorsHigh: u16le,
    ownersHigh: zeros(6),
    checksumLow: u16le,
    reserved: zeros(2),
    extraBytes: constant(u16le, 32),
    checksumHigh: u16le,
    changeTimeExtra: u32le,
    modifyTimeExtra: u32le,
    accessTimeExtra: u32le,
    createTime: u32le,
    createTimeExtra: u32le,
    versionHigh: zeros(4),
    project: zeros(4),
    inlineAttributes: zeros(96),
  },
);

/** The resize inode's map: only its double-indirect block ("Direct/Indirect Block Addressing"). */
export const resizeMap = struct(
  { name: "ext4 resize map", size: BLOCK_MAP_BYTES },
  { direct: zeros(52), doubleIndirect: u32le, tripleIndirect: zeros(4) },
);

/** "Extent Tree". */
export const extentHeader = struct(
  { name: "ext4 extent header", size: 12 },
  { magic: constant(u16le, 0xf30a), entries: u16le, capacity: u16le, depth: u16le, generation: zeros(4) },
);
export const extentLeaf = struct(
  { name: "ext4 extent", size: 12 },
  { logical: u32le, count: u16le, firstHigh: zeros(2), first: u32le },
);
export const extentIndex = struct(
  { name: "ext4 extent index", size: 12 },
  { logical: u32le, child: u32le, childHigh: zeros(4) },
);
/** Longest extent of written blocks: ee_len above it means unwritten. */
export const EXTENT_MAX_BLOCKS = 32768;
export const extentTail = struct({ name: "ext4 extent tail", size: 4 }, { checksum: u32le });

/** "Directory Entries"; the name follows. */
export const directoryEntry = struct(
  { name: "ext4 directory entry", size: 8 },
  { inode: u32le, entryBytes: u16le, nameBytes: u8, type: u8 },
);
/** Type codes of entries ("Directory Entries", file_type). */
export const FILE_TYPES = { file: 1, directory: 2, symlink: 7 } as const;
export const directoryTail = struct(
  { name: "ext4 directory tail", size: 12 },
  {
    inode: constant(u32le, 0),
    entryBytes: constant(u16le, 12),
    nameBytes: constant(u8, 0),
    type: constant(u8, 0xde),
    checksum: u32le,
  },
);

/** "Orphan file": the end of each of its blocks. */
export const orphanTail = struct(
  { name: "ext4 orphan tail", size: 8 },
  { magic: constant(u32le, 0x0b10ca04), checksum: u32le },
);

/** "Journal (jbd2)", version 2 superblock; big-endian. */
export const journalSuperblock = struct(
  { name: "jbd2 superblock", size: 1024 },
  {
    magic: constant(u32be, 0xc03b3998),
    blockType: constant(u32be, 4),
    headerSequence: zeros(4),
    blockSize: u32be,
    blocks: u32be,
    firstLogBlock: constant(u32be, 1),
    sequence: constant(u32be, 1),
    start: constant(u32be, 0), // nothing to replay
    error: zeros(4),
    features: zeros(12),
    uuid: bytes(16),
    users: constant(u32be, 1),
    rest: zeros(956),
  },
);

/** s_jnl_blocks: the journal inode's map and size, kept for repair. */
export const journalBackup = struct(
  { name: "ext4 journal backup", size: 68 },
  { blockMap: bytes(BLOCK_MAP_BYTES), sizeHigh: u32le, sizeLow: u32le },
);
