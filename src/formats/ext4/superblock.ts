import { crc32c } from "../../bytes/crc32c.ts";
import { inline, type Placement } from "../../extents/index.ts";
import type { Arrangement } from "./arrange.ts";
import { volumeSeed } from "./checksum.ts";
import { blocksIn, groupStart, superblockGroups } from "./geometry.ts";
import type { Groups } from "./groups.ts";
import {
  COMPAT,
  COMPAT_JOURNAL,
  JOURNAL_INODE,
  journalBackup,
  ORPHAN_INODE,
  SUPERBLOCK_OFFSET,
  superblock,
} from "./layout.ts";
import type { Ext4Volume } from "./model.ts";

/** Part of the blocks that only root may fill (mke2fs's default). */
const RESERVED_PERCENT = 5;

/** What the superblock says beyond the arrangement. */
export interface Totals {
  readonly groups: Groups;
  readonly lastInode: number;
  readonly uuid: Uint8Array;
  /** The journal inode's map and size, if there is a journal. */
  readonly journal: { readonly blockMap: Uint8Array; readonly sizeBytes: number } | undefined;
}

function fields({ geometry, metadata }: Arrangement, { label, mtime }: Ext4Volume, totals: Totals) {
  const { blocks, firstDataBlock, blockSize, blocksPerGroup, inodesPerGroup } = geometry;
  const { groups, lastInode, uuid, journal } = totals;
  const logBlockSize = Math.log2(blockSize / 1024);
  const inodes = geometry.groups * inodesPerGroup;
  const [timeLow, timeHigh] = [mtime % 2 ** 32, Math.floor(mtime / 2 ** 32)];
  const tables = firstDataBlock + blocksIn(metadata);
  const journalBlocks = (journal?.sizeBytes ?? 0) / blockSize;
  return {
    inodes,
    blocks,
    reservedBlocks: Math.floor((blocks * RESERVED_PERCENT) / 100),
    freeBlocks: groups.freeBlocks,
    freeInodes: inodes - lastInode,
    firstDataBlock,
    logBlockSize,
    logClusterSize: logBlockSize,
    blocksPerGroup,
    clustersPerGroup: blocksPerGroup,
    inodesPerGroup,
    writeTime: timeLow,
    checkTime: timeLow,
    makeTime: timeLow,
    writeTimeHigh: timeHigh,
    makeTimeHigh: timeHigh,
    checkTimeHigh: timeHigh,
    compat: journal ? COMPAT | COMPAT_JOURNAL : COMPAT,
    uuid,
    label,
    reservedDescriptorBlocks: geometry.reservedDescriptorBlocks,
    journalInode: journal ? JOURNAL_INODE : 0,
    hashSeed: uuid,
    journalBackup: journal ? 1 : 0,
    journalBlocks: journal
      ? journalBackup.encode({
          blockMap: journal.blockMap,
          sizeHigh: Math.floor(journal.sizeBytes / 2 ** 32),
          sizeLow: journal.sizeBytes % 2 ** 32,
        })
      : new Uint8Array(journalBackup.size),
    overheadBlocks: tables + journalBlocks,
    checksumSeed: volumeSeed(uuid),
    orphanInode: journal ? ORPHAN_INODE : 0,
  };
}

/** The primary superblock and its copies, each with the group descriptors behind it ("Super Block"). */
export function superblockParts(arrangement: Arrangement, volume: Ext4Volume, totals: Totals): readonly Placement[] {
  const { geometry } = arrangement;
  const value = fields(arrangement, volume, totals);
  const descriptors = inline(totals.groups.descriptors);
  return superblockGroups(geometry).flatMap((groupNumber) => {
    const unsigned = superblock.encode({ ...value, groupNumber, checksum: 0 });
    const checksum = crc32c(unsigned.subarray(0, superblock.offsets.checksum), 0xffffffff);
    const start = groupStart(geometry, groupNumber) * geometry.blockSize;
    return [
      {
        offset: groupNumber === 0 ? SUPERBLOCK_OFFSET : start,
        content: inline(superblock.encode({ ...value, groupNumber, checksum })),
      },
      { offset: start + geometry.blockSize, content: descriptors },
    ];
  });
}
