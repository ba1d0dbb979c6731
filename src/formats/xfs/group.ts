import { reverseLeaves } from "./btree.ts";
import { type FreeExtent, FreeSpace, type NearRequest } from "./freespace.ts";
import { groupLength, LOG_BLOCKS, LOG_GROUP, type XfsGeometry } from "./geometry.ts";
import { CHUNK_BLOCKS, CHUNK_INODES, INODES_PER_BLOCK } from "./layout.ts";
import { type Mapping, Mappings, OWNER } from "./mappings.ts";
import { XfsError } from "./model.ts";

/** A chunk of 64 inodes, handed out from the first on. */
export interface Chunk {
  /** Number of its first inode within the group. */
  readonly start: number;
  used: number;
}

/** Kept free when a chunk is taken, for the inode tree to grow (xfs_ialloc_ag_alloc). */
const INODE_TREE_BLOCKS = 3;

/** One allocation group: what is free, who has the rest, and its inodes. */
export class Group {
  readonly number: number;
  readonly blocks: number;
  readonly free: FreeSpace;
  /** In the order they were allocated. */
  readonly chunks: Chunk[] = [];
  /** Blocks of the reverse mapping tree below its root. */
  readonly reverseLeaves: number[] = [];
  readonly #mappings = new Mappings();
  readonly #inodeRoot: number;
  readonly #hasReverseTree: boolean;
  #freeList: FreeExtent;

  constructor(geometry: XfsGeometry, number: number) {
    const { roots, firstFree, freeListBlocks } = geometry;
    this.number = number;
    this.blocks = groupLength(geometry, number);
    this.#inodeRoot = roots.inodes;
    this.#hasReverseTree = roots.reverse > 0;
    const own = (start: number, count: number, owner: bigint): void => this.own({ start, count, owner, offset: 0 });
    own(0, roots.byBlock, OWNER.headers);
    own(roots.byBlock, 2, OWNER.freeSpace);
    own(roots.inodes, 2, OWNER.inodeTrees);
    if (roots.reverse) own(roots.reverse, 1, OWNER.freeSpace);
    own(roots.references, 1, OWNER.references);
    let first = firstFree;
    if (number === LOG_GROUP) {
      own(first, LOG_BLOCKS, OWNER.log);
      first += LOG_BLOCKS;
    }
    this.#freeList = { start: first, count: freeListBlocks };
    own(first, freeListBlocks, OWNER.freeSpace);
    first += freeListBlocks;
    this.free = new FreeSpace({ start: first, count: this.blocks - first });
  }

  /** Inodes handed out or ready to be. */
  get inodes(): number {
    return this.chunks.length * CHUNK_INODES;
  }

  get freeInodes(): number {
    return this.chunks.reduce((free, { used }) => free + CHUNK_INODES - used, 0);
  }

  /** Whether a run of `count` blocks can be had here so that `left` more stay free (xfs_alloc_space_available). */
  hasRoom(count: number, left: number): boolean {
    return this.free.longest >= count && this.free.blocks - left >= count;
  }

  /** Blocks kept ready for growing trees. */
  get freeList(): FreeExtent {
    return this.#freeList;
  }

  get mappings(): readonly Mapping[] {
    return this.#mappings.list;
  }

  /** Notes who has blocks that are not free any more. */
  own(mapping: Mapping): void {
    this.#mappings.add(mapping);
    while (this.#hasReverseTree && this.reverseLeaves.length < reverseLeaves(this.mappings.length)) this.#addLeaf();
  }

  /** A block for the reverse mapping tree: a free one, or one that was kept for this. */
  #addLeaf(): void {
    const block = this.takeSmallest(1);
    if (block !== undefined) {
      this.reverseLeaves.push(block);
      this.#mappings.add({ start: block, count: 1, owner: OWNER.freeSpace, offset: 0 });
      return;
    }
    const { start, count } = this.#freeList;
    if (count === 0) throw new XfsError("no_space", `xfs: group ${this.number}: no room for its own trees`);
    this.reverseLeaves.push(start + count - 1);
    this.#freeList = { start, count: count - 1 };
  }

  /** Takes the free blocks closest to the wanted one; undefined when there is no such run. */
  takeNear(request: NearRequest): number | undefined {
    const start = this.free.near(request);
    if (start !== undefined) this.free.take(start, request.count);
    return start;
  }

  /** Takes the start of the smallest run that has `count` blocks. */
  takeSmallest(count: number): number | undefined {
    const start = this.free.smallest(count);
    if (start !== undefined) this.free.take(start, count);
    return start;
  }

  /** The next inode's number within the group; undefined when no chunk has or finds room (xfs_ialloc_ag_alloc). */
  takeInode(): number | undefined {
    if (this.freeInodes === 0 && !this.#addChunk()) return undefined;
    // A new chunk is made only when all others are used up.
    const chunk = this.chunks.at(-1)!;
    return chunk.start + chunk.used++;
  }

  #addChunk(): boolean {
    const start = this.#chunkBlocks();
    if (start === undefined) return false;
    this.own({ start, count: CHUNK_BLOCKS, owner: OWNER.inodes, offset: 0 });
    this.chunks.push({ start: start * INODES_PER_BLOCK, used: 0 });
    return true;
  }

  /** Behind the last chunk where that is free, else as close to the head of the group as alignment allows. */
  #chunkBlocks(): number | undefined {
    const last = this.chunks.at(-1);
    // A run this long has an aligned chunk in it wherever it starts.
    if (!this.hasRoom(2 * CHUNK_BLOCKS - 1, INODE_TREE_BLOCKS)) return undefined;
    const next = last && last.start / INODES_PER_BLOCK + CHUNK_BLOCKS;
    if (next !== undefined && this.free.runAt(next) >= CHUNK_BLOCKS) {
      this.free.take(next, CHUNK_BLOCKS);
      return next;
    }
    return this.takeNear({ wanted: this.#inodeRoot, count: CHUNK_BLOCKS, alignment: CHUNK_BLOCKS });
  }
}
