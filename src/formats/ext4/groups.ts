import { crc32c } from "../../bytes/crc32c.ts";
import { concatBytes } from "../../bytes/text.ts";
import { inline, type Placement } from "../../extents/index.ts";
import type { Arrangement } from "./arrange.ts";
import { crc32cWords } from "./checksum.ts";
import { backupBlocks, blocksIn, groupEnd, groupStart, type Run } from "./geometry.ts";
import { GROUP_BLOCK_UNINIT, GROUP_INODE_UNINIT, GROUP_TABLE_ZEROED, groupDescriptor } from "./layout.ts";

/** Which inodes are in use: all up to `last`; `directories` counts those of each group that are directories. */
interface InodeUse {
  readonly last: number;
  readonly directories: readonly number[];
}

/** The descriptors of all groups, and the bitmaps that are written. */
export interface Groups {
  readonly descriptors: Uint8Array;
  readonly bitmaps: readonly Placement[];
  readonly freeBlocks: number;
}

/** A bitmap and what a descriptor says of it. A bitmap that readers work out is not written, and has checksum 0. */
interface Bitmap {
  readonly bytes: Uint8Array | undefined;
  readonly free: number;
  readonly checksum: number;
}

/** Sets bits from `from` up to `to`. */
function setBits(bytes: Uint8Array, from: number, to: number): void {
  for (let bit = from; bit < to; ) {
    if (bit % 8 === 0 && to - bit >= 8) {
      const whole = Math.floor((to - bit) / 8);
      bytes.fill(0xff, bit / 8, bit / 8 + whole);
      bit += whole * 8;
    } else {
      bytes[bit >> 3]! |= 1 << (bit & 7);
      bit++;
    }
  }
}

/** The blocks in use in each group, as ascending disjoint runs: all below `end`, and the metadata behind it. */
function usedRuns({ geometry, metadata, end }: Arrangement): readonly Run[][] {
  const used: Run[][] = Array.from({ length: geometry.groups }, () => []);
  const behind = metadata.flatMap(({ first, count }) => {
    const from = Math.max(first, end);
    return first + count > from ? [{ first: from, count: first + count - from }] : [];
  });
  const { firstDataBlock, blocksPerGroup } = geometry;
  for (const run of [{ first: firstDataBlock, count: end - firstDataBlock }, ...behind]) {
    const stop = run.first + run.count;
    for (let at = run.first; at < stop; ) {
      const group = Math.floor((at - firstDataBlock) / blocksPerGroup);
      const part = Math.min(stop, groupEnd(geometry, group)) - at;
      used[group]!.push({ first: at, count: part });
      at += part;
    }
  }
  return used;
}

function blockBitmap({ geometry }: Arrangement, group: number, used: readonly Run[], seed: number): Bitmap {
  const start = groupStart(geometry, group);
  const count = groupEnd(geometry, group) - start;
  const usedBlocks = blocksIn(used);
  const free = count - usedBlocks;
  // Readers know of nothing but the superblock; mke2fs always writes the last group's bitmap, for its padding.
  if (usedBlocks === backupBlocks(geometry, group) && group < geometry.groups - 1)
    return { bytes: undefined, free, checksum: 0 };
  const bytes = new Uint8Array(geometry.blockSize);
  for (const run of used) setBits(bytes, run.first - start, run.first - start + run.count);
  setBits(bytes, count, bytes.length * 8);
  return { bytes, free, checksum: crc32c(bytes, seed) };
}

function inodeBitmap({ geometry }: Arrangement, group: number, last: number, seed: number): Bitmap {
  const { inodesPerGroup, blockSize } = geometry;
  const used = Math.min(Math.max(last - group * inodesPerGroup, 0), inodesPerGroup);
  const free = inodesPerGroup - used;
  if (used === 0) return { bytes: undefined, free, checksum: 0 };
  const bytes = new Uint8Array(blockSize);
  setBits(bytes, 0, used);
  setBits(bytes, inodesPerGroup, blockSize * 8);
  return { bytes, free, checksum: crc32c(bytes.subarray(0, inodesPerGroup / 8), seed) };
}

/** Descriptors and bitmaps of all groups ("Block Group Descriptors", "Block and inode Bitmaps"). */
export function encodeGroups(arrangement: Arrangement, inodes: InodeUse, seed: number): Groups {
  const { blockSize } = arrangement.geometry;
  const used = usedRuns(arrangement);
  const descriptors: Uint8Array[] = [];
  const bitmaps: Placement[] = [];
  let freeBlocks = 0;
  for (const [group, position] of arrangement.tables.entries()) {
    const blocks = blockBitmap(arrangement, group, used[group]!, seed);
    const nodes = inodeBitmap(arrangement, group, inodes.last, seed);
    if (blocks.bytes) bitmaps.push({ offset: position.blockBitmap * blockSize, content: inline(blocks.bytes) });
    if (nodes.bytes) bitmaps.push({ offset: position.inodeBitmap * blockSize, content: inline(nodes.bytes) });
    const value = {
      ...position,
      freeBlocks: blocks.free,
      freeInodes: nodes.free,
      directories: inodes.directories[group]!,
      flags: GROUP_TABLE_ZEROED | (blocks.bytes ? 0 : GROUP_BLOCK_UNINIT) | (nodes.bytes ? 0 : GROUP_INODE_UNINIT),
      unusedInodes: nodes.free,
      blockBitmapChecksum: blocks.checksum & 0xffff,
      blockBitmapChecksumHigh: blocks.checksum >>> 16,
      inodeBitmapChecksum: nodes.checksum & 0xffff,
      inodeBitmapChecksumHigh: nodes.checksum >>> 16,
    };
    const checksum = crc32c(groupDescriptor.encode({ ...value, checksum: 0 }), crc32cWords(seed, group)) & 0xffff;
    descriptors.push(groupDescriptor.encode({ ...value, checksum }));
    freeBlocks += blocks.free;
  }
  return { descriptors: concatBytes(...descriptors), bitmaps, freeBlocks };
}
