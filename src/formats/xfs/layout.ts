import { crc32c } from "../../bytes/crc32c.ts";
import {
  ascii,
  bytes,
  constant,
  type Field,
  flags64be,
  struct,
  u8,
  u16be,
  u32be,
  u32le,
  u64be,
  zeros,
} from "../../bytes/struct.ts";

// Structures of "XFS Algorithms & Data Structures", 3rd edition (below: XFS), and outputs.md 2.9.4.

/** Bytes of a block, an inode and the unit of disk addresses; the only ones written here (outputs.md 2.9.4). */
export const BLOCK_BYTES = 4096;
export const INODE_BYTES = 512;
export const DISK_ADDRESS_BYTES = 512;
export const INODES_PER_BLOCK = BLOCK_BYTES / INODE_BYTES;

/** Inodes are handed out in chunks of 64, aligned to their own size (XFS "Inode Allocation"). */
export const CHUNK_INODES = 64;
export const CHUNK_BLOCKS = CHUNK_INODES / INODES_PER_BLOCK;

/** "None" in 32-bit and 64-bit block and inode fields. */
export const NULL32 = 0xffffffff;
export const NULL64 = 0xffff_ffff_ffff_ffffn;

/** A UUID in text form, stored in text order. */
export const uuid: Field<string> = {
  size: 16,
  write(view, at, text) {
    const hex = text.replaceAll("-", "");
    view.setBigUint64(at, BigInt(`0x${hex.slice(0, 16)}`));
    view.setBigUint64(at + 8, BigInt(`0x${hex.slice(16)}`));
  },
  read(view, at) {
    const hex = [at, at + 8].map((part) => view.getBigUint64(part).toString(16).padStart(16, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  },
};

/** Filled in by `seal`. */
export const checksum = constant(u32le, 0);
/** Log sequence number of the last change: no log record ever touched what is written here (outputs.md 2.9.4). */
export const lsn = zeros(8);

/** Puts the CRC-32C of `sector` at `at`, little-endian whatever the rest is (XFS "Self Describing Metadata"). */
export function seal(sector: Uint8Array, at: number): Uint8Array {
  new DataView(sector.buffer, sector.byteOffset).setUint32(at, crc32c(sector), true);
  return sector;
}

/** Superblock (XFS "Superblocks"). */
export const superblock = struct(
  { name: "xfs superblock", size: 264 },
  {
    magic: constant(ascii(4), "XFSB"),
    blockBytes: constant(u32be, BLOCK_BYTES),
    blocks: u64be,
    realtime: zeros(16),
    uuid,
    logStart: u64be,
    rootInode: flags64be,
    realtimeBitmapInode: flags64be,
    realtimeSummaryInode: flags64be,
    realtimeExtentBlocks: constant(u32be, 1),
    groupBlocks: u32be,
    groups: u32be,
    realtimeBitmapBlocks: constant(u32be, 0),
    logBlocks: u32be,
    version: u16be,
    sectorBytes: u16be,
    inodeBytes: constant(u16be, INODE_BYTES),
    inodesPerBlock: constant(u16be, INODES_PER_BLOCK),
    label: ascii(12),
    blockLog: constant(u8, Math.log2(BLOCK_BYTES)),
    sectorLog: u8,
    inodeLog: constant(u8, Math.log2(INODE_BYTES)),
    inodesPerBlockLog: constant(u8, Math.log2(INODES_PER_BLOCK)),
    groupBlockLog: u8,
    realtimeExtentsLog: constant(u8, 0),
    inProgress: u8,
    maxInodePercent: constant(u8, 25),
    inodes: u64be,
    freeInodes: u64be,
    freeBlocks: u64be,
    quota: zeros(28),
    inodeAlignment: constant(u32be, CHUNK_BLOCKS),
    stripe: zeros(8),
    directoryBlockLog: constant(u8, 0),
    logSectorLog: u8,
    logSectorBytes: u16be,
    logStripeUnit: u32be,
    features2: u32be,
    badFeatures2: u32be,
    compatible: constant(u32be, 0),
    readOnlyCompatible: u32be,
    incompatible: u32be,
    logIncompatible: constant(u32be, 0),
    checksum,
    sparseInodeAlignment: constant(u32be, CHUNK_BLOCKS / 2),
    projectQuotaInode: zeros(8),
    lsn,
    metadataUuid: zeros(16),
  },
);

/** Free space header of an allocation group (XFS "AG Free Space Block"). */
export const freeSpaceHeader = struct(
  { name: "xfs agf", size: 224 },
  {
    magic: constant(ascii(4), "XAGF"),
    version: constant(u32be, 1),
    group: u32be,
    blocks: u32be,
    byBlockRoot: u32be,
    bySizeRoot: u32be,
    reverseRoot: u32be,
    byBlockLevels: constant(u32be, 1),
    bySizeLevels: constant(u32be, 1),
    reverseLevels: u32be,
    listFirst: constant(u32be, 1),
    listLast: u32be,
    listCount: u32be,
    freeBlocks: u32be,
    longest: u32be,
    treeBlocks: u32be,
    uuid,
    reverseBlocks: u32be,
    referenceBlocks: constant(u32be, 1),
    referenceRoot: u32be,
    referenceLevels: constant(u32be, 1),
    spare: zeros(112),
    lsn,
    checksum,
    spare2: zeros(4),
  },
);

/** Inode header of an allocation group (XFS "AG Inode Management"). */
export const inodeHeader = struct(
  { name: "xfs agi", size: 344 },
  {
    magic: constant(ascii(4), "XAGI"),
    version: constant(u32be, 1),
    group: u32be,
    blocks: u32be,
    inodes: u32be,
    root: u32be,
    levels: constant(u32be, 1),
    freeInodes: u32be,
    newestChunk: u32be,
    directoryInode: constant(u32be, NULL32),
    unlinked: constant(bytes(256), new Uint8Array(256).fill(0xff)),
    uuid,
    checksum,
    pad: zeros(4),
    lsn,
    freeRoot: u32be,
    freeLevels: constant(u32be, 1),
    treeBlocks: u32be,
    freeTreeBlocks: u32be,
  },
);

/** Head of the free list's sector; block numbers follow (XFS "AG Free List"). */
export const freeListHeader = struct(
  { name: "xfs agfl", size: 36 },
  { magic: constant(ascii(4), "XAFL"), group: u32be, uuid, lsn, checksum },
);

/** Inode core, version 3 (XFS "Inode Core"); the two extent counts lie elsewhere with the large counters. */
export const inodeCore = struct(
  { name: "xfs inode", size: 176 },
  {
    magic: constant(ascii(2), "IN"),
    mode: u16be,
    version: constant(u8, 3),
    format: u8,
    oldLinks: zeros(2),
    owner: zeros(8),
    links: u32be,
    project: zeros(4),
    largeExtents: u64be,
    accessed: flags64be,
    modified: flags64be,
    changed: flags64be,
    sizeBytes: u64be,
    blocks: u64be,
    extentHint: zeros(4),
    extents: u32be,
    attributeExtents: zeros(2),
    /** Start of the attribute fork in units of 8 bytes from the end of the core; 0 when there is none. */
    forkOffset: u8,
    attributeFormat: u8,
    migration: zeros(6),
    flags: u16be,
    generation: u32be,
    nextUnlinked: constant(u32be, NULL32),
    checksum,
    changeCount: u64be,
    lsn,
    flags2: u64be,
    copyHint: zeros(16),
    created: flags64be,
    number: u64be,
    uuid,
  },
);

/** First sector of a log record (XFS "Log Record Headers"; values from outputs.md 2.9.4). */
export const logRecord = struct(
  { name: "xfs log record", size: 324 },
  {
    magic: constant(u32be, 0xfeedbabe),
    cycle: constant(u32be, 1),
    version: constant(u32be, 2),
    bodyBytes: u32be,
    number: constant(u64be, 2 ** 32),
    tail: constant(u64be, 2 ** 32),
    checksum: zeros(4),
    previous: constant(u32be, NULL32),
    operations: constant(u32be, 1),
    /** The first word of the body, whose place the cycle number takes. */
    firstWord: constant(u32be, 0xb0c0d0d0),
    otherWords: zeros(252),
    format: constant(u32be, 1),
    uuid,
    bufferBytes: constant(u32be, 0x8000),
  },
);
