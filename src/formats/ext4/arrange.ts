import { KiB } from "../../bytes/align.ts";
import { FreeBlocks } from "./allocate.ts";
import { cutIntoBlocks, DOT, DOT_DOT } from "./directory.ts";
import { treeBlocks } from "./extenttree.ts";
import { type Geometry, type GroupTables, groupTables, metadataRuns, type Run } from "./geometry.ts";
import { BLOCK_MAP_BYTES, FIRST_INODE, ORPHAN_INODE, ROOT_INODE } from "./layout.ts";
import { LOST_FOUND, type Node, ROOT } from "./tree.ts";

/** The blocks of an inode: its contents in order, and the nodes of its extent tree that lie outside it. */
export interface Mapping {
  readonly runs: readonly Run[];
  readonly tree: readonly number[];
}

/** Where everything in a volume lies. */
export interface Arrangement {
  readonly geometry: Geometry;
  readonly tables: readonly GroupTables[];
  readonly metadata: readonly Run[];
  /** By place of the node. */
  readonly mappings: readonly Mapping[];
  /** The resize inode's double-indirect block. */
  readonly resizeBlock: number;
  readonly journal: { readonly log: Mapping; readonly orphans: Mapping } | undefined;
  /** All blocks below this one are in use. */
  readonly end: number;
}

/** mke2fs makes `lost+found` so large that repair need not grow it, without indirect blocks. */
const LOST_FOUND_BYTES = 16 * KiB;
const LOST_FOUND_MAX_BLOCKS = 12;

/** Blocks of volume below which the journal has so many (mke2fs, ext2fs_default_journal_size). */
const JOURNAL_SIZES: readonly (readonly [number, number])[] = [
  [2048, 0],
  [32_768, 1024],
  [262_144, 4096],
  [524_288, 8192],
  [4_194_304, 16_384],
  [8_388_608, 32_768],
  [16_777_216, 65_536],
  [33_554_432, 131_072],
  [Number.POSITIVE_INFINITY, 262_144],
];
/** JBD2_MIN_JOURNAL_BLOCKS. */
const MIN_JOURNAL_BLOCKS = 1024;

/** Journal sizes to try in blocks, best first: mke2fs's, the smallest there is, none. */
export function journalChoices(blocks: number): readonly number[] {
  const usual = JOURNAL_SIZES.find(([limit]) => blocks < limit)![1];
  return [...new Set([usual, Math.min(usual, MIN_JOURNAL_BLOCKS), 0])];
}

/** Blocks of the orphan file: 32 to 512, at most 1/4096 of the volume (mke2fs, ext2fs_default_orphan_file_blocks). */
function orphanBlocks(blocks: number): number {
  return Math.min(blocks > 131_072 ? Math.floor(blocks / 4096) : 32, 512);
}

function nodeBlocks(nodes: readonly Node[], place: number, blockSize: number): number {
  const { body } = nodes[place]!;
  switch (body.$case) {
    case "file":
      return Math.ceil(body.content.size / blockSize);
    case "symlink":
      // Shorter ones lie in the inode.
      return body.target.length < BLOCK_MAP_BYTES ? 0 : 1;
    case "directory":
      if (place === LOST_FOUND) return Math.min(LOST_FOUND_BYTES / blockSize, LOST_FOUND_MAX_BLOCKS);
      return cutIntoBlocks([DOT, DOT_DOT, ...body.children.map((child) => nodes[child]!)], blockSize).length;
  }
}

/** How many blocks the contents of each node take. */
export function contentBlocks(nodes: readonly Node[], blockSize: number): readonly number[] {
  return nodes.map((_, place) => nodeBlocks(nodes, place, blockSize));
}

/** The inode number of the node at `place`. */
export function inodeNumber(place: number, journaled: boolean): number {
  if (place === ROOT) return ROOT_INODE;
  return place - LOST_FOUND + FIRST_INODE + (place > LOST_FOUND && journaled ? ORPHAN_INODE - FIRST_INODE : 0);
}

/** Shared by the many files whose extents all lie in the inode. */
const NO_BLOCKS: readonly number[] = [];

/**
 * Gives everything its blocks, in the order of the nodes. `blocks` is how many the contents of each take. Undefined when
 * it does not fit.
 */
export function arrange(geometry: Geometry, blocks: readonly number[], journalBlocks: number): Arrangement | undefined {
  if (blocks.reduce((sum, count) => sum + count, journalBlocks) > geometry.blocks) return undefined;
  const tables = groupTables(geometry);
  const metadata = metadataRuns(geometry, tables);
  const free = new FreeBlocks(geometry, metadata);
  const one = (): number => free.take(1)[0]!.first;
  const take = (count: number): Mapping => {
    const runs = free.take(count);
    const outside = treeBlocks(runs, geometry.blockSize);
    return { runs, tree: outside === 0 ? NO_BLOCKS : Array.from({ length: outside }, one) };
  };
  const resizeBlock = one();
  const journal =
    journalBlocks > 0 ? { log: take(journalBlocks), orphans: take(orphanBlocks(geometry.blocks)) } : undefined;
  const mappings = blocks.map(take);
  if (free.end > geometry.blocks) return undefined;
  return { geometry, tables, metadata, mappings, resizeBlock, journal, end: free.end };
}
