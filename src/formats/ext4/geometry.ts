import { alignDown, alignUp, MiB } from "../../bytes/align.ts";
import { u32le } from "../../bytes/struct.ts";
import { DESCRIPTOR_BYTES, FIRST_INODE, FLEX_GROUPS, INODE_BYTES } from "./layout.ts";

/** Neighbouring blocks. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** How many blocks the runs have together. */
export function blocksIn(runs: readonly Run[]): number {
  return runs.reduce((sum, { count }) => sum + count, 0);
}

/** Block numbers of what a group keeps, wherever that lies. */
export interface GroupTables {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
}

/** How a volume is divided. All positions are block numbers. */
export interface Geometry {
  readonly blockSize: number;
  readonly blocks: number;
  /** Block of the primary superblock: 1 if a block is 1024 bytes, else 0. */
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly groups: number;
  readonly inodesPerGroup: number;
  readonly inodeTableBlocks: number;
  readonly descriptorBlocks: number;
  /** Blocks behind the descriptors, kept for growing. */
  readonly reservedDescriptorBlocks: number;
}

/** Volumes below this have small blocks and many inodes (mke2fs.conf, type `small`; outputs.md 2.12). */
export const SMALL_VOLUME_BYTES = 512 * MiB;
/** Volumes below this have fewer inodes again (mke2fs.conf, type `floppy`). */
const FLOPPY_VOLUME_BYTES = 3 * MiB;
/** A last group with fewer free blocks than this is given up (mke2fs, lib/ext2fs/initialize.c). */
const MIN_LAST_GROUP_BLOCKS = 50;
/** Volumes are cut to the page size of the machine that makes them (mke2fs); 4096 everywhere here. */
const PAGE_BYTES = 4096;
/** mke2fs reserves descriptors for a volume this many times as large, within 32-bit block numbers. */
const RESIZE_FACTOR = 1024;
const MAX_BLOCKS = 0xffffffff;

/** Bytes of volume for each inode (mke2fs.conf). */
function inodeRatio(sizeBytes: number): number {
  if (sizeBytes < FLOPPY_VOLUME_BYTES) return 8192;
  return sizeBytes < SMALL_VOLUME_BYTES ? 4096 : 16384;
}

/**
 * Inodes of each group: mke2fs's number, which fills whole blocks and bytes of bitmap, or more if the tree needs them.
 * The usual number stops where the bitmap ends.
 */
function inodesPerGroup(wanted: number, needed: number, groups: number, blockSize: number): number {
  const usual = alignDown(alignUp(Math.ceil(wanted / groups), blockSize / INODE_BYTES), 8);
  return Math.max(Math.min(usual, blockSize * 8), alignUp(Math.ceil(needed / groups), 16));
}

function reservedDescriptors(blocks: number, firstDataBlock: number, blocksPerGroup: number, perBlock: number): number {
  const groupsOf = (count: number): number => Math.ceil((count - firstDataBlock) / blocksPerGroup);
  const descriptors = Math.ceil(groupsOf(blocks) / perBlock);
  const largest = Math.ceil(groupsOf(Math.min(blocks * RESIZE_FACTOR, MAX_BLOCKS)) / perBlock);
  // The double-indirect block that lists them has so many entries.
  const entries = blocksPerGroup / 8 / u32le.size;
  return Math.min(largest - descriptors, entries);
}

/**
 * The division mke2fs 1.47 makes of `sizeBytes` (outputs.md 2.12), with at least `inodes` usable inodes. Undefined when
 * the volume has no room for its own tables.
 */
export function ext4Geometry(sizeBytes: number, sectorSize: number, inodes: number): Geometry | undefined {
  const blockSize = sizeBytes < SMALL_VOLUME_BYTES && sectorSize === 512 ? 1024 : 4096;
  const firstDataBlock = blockSize === 1024 ? 1 : 0;
  const blocksPerGroup = blockSize * 8;
  const wanted = Math.floor(alignDown(sizeBytes, PAGE_BYTES) / inodeRatio(sizeBytes));
  const perBlock = blockSize / DESCRIPTOR_BYTES;
  for (let blocks = alignDown(sizeBytes, PAGE_BYTES) / blockSize; blocks > firstDataBlock; ) {
    const groups = Math.ceil((blocks - firstDataBlock) / blocksPerGroup);
    const perGroup = inodesPerGroup(wanted, FIRST_INODE + 1 + inodes, groups, blockSize);
    if (perGroup > blocksPerGroup) return undefined;
    const geometry: Geometry = {
      blockSize,
      blocks,
      firstDataBlock,
      blocksPerGroup,
      groups,
      inodesPerGroup: perGroup,
      inodeTableBlocks: (perGroup * INODE_BYTES) / blockSize,
      descriptorBlocks: Math.ceil(groups / perBlock),
      reservedDescriptorBlocks: reservedDescriptors(blocks, firstDataBlock, blocksPerGroup, perBlock),
    };
    const last = blocks - groupStart(geometry, groups - 1);
    const overhead = backupBlocks(geometry, groups - 1) + 2 + geometry.inodeTableBlocks;
    if (last >= overhead + MIN_LAST_GROUP_BLOCKS) return geometry;
    blocks -= last;
  }
  return undefined;
}

export function groupStart({ firstDataBlock, blocksPerGroup }: Geometry, group: number): number {
  return firstDataBlock + group * blocksPerGroup;
}

/** The block behind a group's last. */
export function groupEnd(geometry: Geometry, group: number): number {
  return Math.min(groupStart(geometry, group + 1), geometry.blocks);
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

/** Whether a group starts with a superblock: sparse_super keeps 0, 1 and the powers of 3, 5 and 7. */
function hasSuperblock(group: number): boolean {
  return group <= 1 || [3, 5, 7].some((base) => isPowerOf(base, group));
}

/** Blocks at the start of a group that hold a superblock, descriptors and reserved descriptors; 0 in most groups. */
export function backupBlocks(geometry: Geometry, group: number): number {
  return hasSuperblock(group) ? 1 + geometry.descriptorBlocks + geometry.reservedDescriptorBlocks : 0;
}

/** The groups that start with a superblock, 0 first. */
export function superblockGroups({ groups }: Geometry): readonly number[] {
  return Array.from({ length: groups }, (_, group) => group).filter(hasSuperblock);
}

/** The first block from `at` on where `count` blocks do not meet a superblock. */
function behindSuperblocks(geometry: Geometry, at: number, count: number): number {
  const groupOf = (block: number): number => Math.floor((block - geometry.firstDataBlock) / geometry.blocksPerGroup);
  let first = at;
  for (let group = groupOf(at); group <= groupOf(first + count - 1); group++) {
    const start = groupStart(geometry, group);
    const end = start + backupBlocks(geometry, group);
    if (first < end && first + count > start) first = end;
  }
  return first;
}

/**
 * Where the tables of every group lie: at the start of its flex group, first all block bitmaps, then all inode
 * bitmaps, then the inode tables.
 */
export function groupTables(geometry: Geometry): readonly GroupTables[] {
  const tables: GroupTables[] = [];
  for (let head = 0; head < geometry.groups; head += FLEX_GROUPS) {
    const members = Math.min(FLEX_GROUPS, geometry.groups - head);
    let at = groupStart(geometry, head);
    const take = (count: number): number => {
      const first = behindSuperblocks(geometry, at, count);
      at = first + count;
      return first;
    };
    const bitmaps = take(2 * members);
    for (let i = 0; i < members; i++) {
      const inodeTable = take(geometry.inodeTableBlocks);
      tables.push({ blockBitmap: bitmaps + i, inodeBitmap: bitmaps + members + i, inodeTable });
    }
  }
  return tables;
}

/** All blocks that tables and superblocks take, in ascending order. */
export function metadataRuns(geometry: Geometry, tables: readonly GroupTables[]): readonly Run[] {
  const runs: Run[] = [];
  for (const [group, { blockBitmap, inodeBitmap, inodeTable }] of tables.entries()) {
    const count = backupBlocks(geometry, group);
    if (count > 0) runs.push({ first: groupStart(geometry, group), count });
    runs.push(
      { first: blockBitmap, count: 1 },
      { first: inodeBitmap, count: 1 },
      { first: inodeTable, count: geometry.inodeTableBlocks },
    );
  }
  return runs.sort((a, b) => a.first - b.first);
}
