import { crc32c } from "../../bytes/crc32c.ts";
import { array, u32le } from "../../bytes/struct.ts";
import { inline, type Placement, type Recipe } from "../../extents/index.ts";
import type { Arrangement, Mapping } from "./arrange.ts";
import { crc32cWords } from "./checksum.ts";
import { blocksIn, groupStart, type Run, superblockGroups } from "./geometry.ts";
import { journalSuperblock, orphanTail } from "./layout.ts";

/** Direct blocks of an inode, which the resize inode does not use. */
const DIRECT_BLOCKS = 12;

function* blocksOf(runs: readonly Run[]): Generator<number> {
  for (const { first, count } of runs) for (let i = 0; i < count; i++) yield first + i;
}

/** The journal's superblock, which is all that an empty journal has. */
export function journalPart(log: Mapping, blockSize: number, uuid: Uint8Array): Placement {
  const content = inline(journalSuperblock.encode({ blockSize, blocks: blocksIn(log.runs), uuid }));
  return { offset: log.runs[0]!.first * blockSize, content };
}

/** The ends of the orphan file's blocks; each block lists no inode. `seed` is the inode's checksum seed. */
export function orphanParts(orphans: Mapping, blockSize: number, seed: number): readonly Placement[] {
  const list = new Uint8Array(blockSize - orphanTail.size);
  return Array.from(blocksOf(orphans.runs), (block) => ({
    offset: block * blockSize + list.length,
    content: inline(orphanTail.encode({ checksum: crc32c(list, crc32cWords(seed, block, 0)) })),
  }));
}

/** The resize inode: what its inode says, and the blocks it points from. */
interface ResizeInode {
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  readonly parts: readonly Placement[];
}

/** A block of block numbers from its start on. */
function pointers(blocks: readonly number[], blockSize: number): Recipe {
  const bytes = new Uint8Array(blockSize);
  array(u32le, blocks.length).write(new DataView(bytes.buffer), 0, blocks);
  return inline(bytes);
}

/**
 * The resize inode keeps the reserved descriptor blocks ("Special inodes"; layout of mke2fs, lib/ext2fs/res_gdt.c): its
 * double-indirect block lists those of the primary superblock, and each of these lists its copies in other groups.
 */
export function resizeInode({ geometry, resizeBlock }: Arrangement): ResizeInode {
  const { blockSize, descriptorBlocks, reservedDescriptorBlocks } = geometry;
  const perBlock = blockSize / u32le.size;
  const copies = superblockGroups(geometry).slice(1);
  const parts: Placement[] = [];
  const primaries = new Array<number>(perBlock).fill(0);
  for (let i = 0; i < reservedDescriptorBlocks; i++) {
    // Block number within any group's superblock area.
    const inArea = 1 + descriptorBlocks + i;
    const primary = groupStart(geometry, 0) + inArea;
    primaries[(descriptorBlocks + i) % perBlock] = primary;
    const list = copies.map((group) => groupStart(geometry, group) + inArea);
    if (list.length > 0) parts.push({ offset: primary * blockSize, content: pointers(list, blockSize) });
  }
  parts.push({ offset: resizeBlock * blockSize, content: pointers(primaries, blockSize) });
  return {
    sizeBytes: (DIRECT_BLOCKS + perBlock + perBlock * perBlock) * blockSize,
    allocatedBytes: (1 + reservedDescriptorBlocks * (1 + copies.length)) * blockSize,
    parts,
  };
}
