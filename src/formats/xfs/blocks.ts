import { array, ascii, constant, flags64be, struct, u8, u16be, u32be, u64be, zeros } from "../../bytes/struct.ts";
import { CHUNK_INODES, checksum, lsn, uuid } from "./layout.ts";

// Blocks of trees and directories of "XFS Algorithms & Data Structures", 3rd edition.

/** Head of a block of a tree inside one group (XFS "Short Format Btrees"). */
export const treeBlock = struct(
  { name: "xfs btree block", size: 56 },
  {
    magic: ascii(4),
    level: u16be,
    records: u16be,
    left: u32be,
    right: u32be,
    address: u64be,
    lsn,
    uuid,
    group: u32be,
    checksum,
  },
);

export const freeRecord = struct({ name: "xfs free extent", size: 8 }, { start: u32be, count: u32be });
export const inodeRecord = struct(
  { name: "xfs inode chunk", size: 16 },
  { start: u32be, holes: constant(u16be, 0), count: constant(u8, CHUNK_INODES), free: u8, freeMask: flags64be },
);
/** Owner and offset of a reverse mapping; owners below zero are no inodes (XFS "Reverse-Mapping Btree"). */
export const reverseRecord = struct(
  { name: "xfs reverse mapping", size: 24 },
  { start: u32be, count: u32be, owner: flags64be, offset: u64be },
);
export const reverseKey = struct(
  { name: "xfs reverse mapping key", size: 20 },
  { start: u32be, owner: flags64be, offset: u64be },
);

const bestFree = struct({ name: "xfs best free", size: 4 }, { offset: u16be, bytes: u16be });

/** Head of a directory's data block (XFS "Block Directories"). */
export const directoryBlock = struct(
  { name: "xfs directory block", size: 64 },
  {
    magic: ascii(4),
    checksum,
    address: u64be,
    lsn,
    uuid,
    inode: u64be,
    bestFree: array(bestFree, 3),
    pad: zeros(4),
  },
);

/** Head of a directory's only leaf block (XFS "Leaf Directories"). */
export const directoryLeaf = struct(
  { name: "xfs directory leaf", size: 64 },
  {
    siblings: zeros(8),
    magic: constant(u16be, 0x3df1),
    pad: zeros(2),
    checksum,
    address: u64be,
    lsn,
    uuid,
    inode: u64be,
    count: u16be,
    stale: constant(u16be, 0),
    pad2: zeros(4),
  },
);
