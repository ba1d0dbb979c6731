import { crc32c } from "../../bytes/crc32c.ts";
import { concatBytes } from "../../bytes/text.ts";
import type { Run } from "./geometry.ts";
import { BLOCK_MAP_BYTES, EXTENT_MAX_BLOCKS, extentHeader, extentIndex, extentLeaf, extentTail } from "./layout.ts";

/** Entries that fit into the inode itself. */
const ROOT_ENTRIES = (BLOCK_MAP_BYTES - extentHeader.size) / extentLeaf.size;

function nodeEntries(blockSize: number): number {
  return Math.floor((blockSize - extentHeader.size - extentTail.size) / extentLeaf.size);
}

/** How many blocks the extent tree of a file in `runs` needs besides its inode. */
export function treeBlocks(runs: readonly Run[], blockSize: number): number {
  let blocks = 0;
  let entries = runs.reduce((sum, { count }) => sum + Math.ceil(count / EXTENT_MAX_BLOCKS), 0);
  while (entries > ROOT_ENTRIES) {
    entries = Math.ceil(entries / nodeEntries(blockSize));
    blocks += entries;
  }
  return blocks;
}

/** An entry of a tree node and the first block of the file that it is about. */
interface TreeEntry {
  readonly logical: number;
  readonly bytes: Uint8Array;
}

function leaves(runs: readonly Run[]): TreeEntry[] {
  const entries: TreeEntry[] = [];
  let logical = 0;
  for (const run of runs) {
    for (let at = 0; at < run.count; at += EXTENT_MAX_BLOCKS) {
      const count = Math.min(EXTENT_MAX_BLOCKS, run.count - at);
      entries.push({ logical, bytes: extentLeaf.encode({ logical, count, first: run.first + at }) });
      logical += count;
    }
  }
  return entries;
}

/** Header and entries in `size` bytes. */
function encodeNode(entries: readonly TreeEntry[], capacity: number, depth: number, size: number): Uint8Array {
  const node = new Uint8Array(size);
  node.set(
    concatBytes(
      extentHeader.encode({ entries: entries.length, capacity, depth }),
      ...entries.map((entry) => entry.bytes),
    ),
  );
  return node;
}

/** A block of an extent tree. */
interface TreeBlock {
  readonly block: number;
  readonly bytes: Uint8Array;
}

/**
 * The extent tree of a file in `runs`: the map for its inode, and the blocks that do not fit there, which get the
 * numbers `numbers` (as many as `treeBlocks` says). `seed` is the inode's checksum seed.
 */
export function encodeExtentTree(
  runs: readonly Run[],
  numbers: readonly number[],
  blockSize: number,
  seed: number,
): { readonly map: Uint8Array; readonly blocks: readonly TreeBlock[] } {
  const capacity = nodeEntries(blockSize);
  const blocks: TreeBlock[] = [];
  let depth = 0;
  let level = leaves(runs);
  for (; level.length > ROOT_ENTRIES; depth++) {
    const above: TreeEntry[] = [];
    for (let at = 0; at < level.length; at += capacity) {
      const entries = level.slice(at, at + capacity);
      const block = numbers[blocks.length]!;
      const bytes = encodeNode(entries, capacity, depth, blockSize);
      // The checksum follows the last entry there is room for.
      const tail = extentHeader.size + capacity * extentLeaf.size;
      extentTail.write(new DataView(bytes.buffer), tail, { checksum: crc32c(bytes.subarray(0, tail), seed) });
      blocks.push({ block, bytes });
      const { logical } = entries[0]!;
      above.push({ logical, bytes: extentIndex.encode({ logical, child: block }) });
    }
    level = above;
  }
  return { map: encodeNode(level, ROOT_ENTRIES, depth, BLOCK_MAP_BYTES), blocks };
}
