import { alignDown } from "../../bytes/align.ts";
import { GROUPS, inodeNumber, type XfsGeometry } from "./geometry.ts";
import { Group } from "./group.ts";
import { INODES_PER_BLOCK } from "./layout.ts";
import { XfsError } from "./model.ts";

/** An inode's place. */
export interface InodePlace {
  /** Number within the volume. */
  readonly number: number;
  readonly group: number;
  /** Number within the group. */
  readonly place: number;
}

/** Neighbouring blocks of a file: where they stand in the file, and in which group. */
export interface FileExtent {
  /** In blocks from the start of the file. */
  readonly offset: number;
  readonly group: number;
  readonly start: number;
  readonly count: number;
}

/** A block of a group. */
interface Target {
  readonly group: number;
  readonly block: number;
}

/** mkfs.xfs reads and allocates files in pieces of 128 KiB. */
export const PIECE_BLOCKS = 32;
/** Longest extent: 21 bits of length (XFS "Extent List"). */
const MAX_EXTENT_BLOCKS = 2 ** 21 - 1;
/** Kept free in a group for the extent tree a file might need. */
const EXTENT_TREE_BLOCKS = 1;

/** Hands out the blocks and inodes of all groups, in the order and by the rules of mkfs.xfs with a protofile. */
export class Allocator {
  readonly groups: readonly Group[];
  readonly #geometry: XfsGeometry;
  #directories = 0;

  constructor(geometry: XfsGeometry) {
    this.#geometry = geometry;
    this.groups = Array.from({ length: GROUPS }, (_, number) => new Group(geometry, number));
  }

  /** An inode in the group of its directory. Throws `no_space`, naming `path`. */
  fileInode(directory: InodePlace, path: string): InodePlace {
    return this.#inode(directory.group, path);
  }

  /** An inode in the first group, for the root. */
  rootInode(): InodePlace {
    return this.#inode(0, "/");
  }

  /** An inode for a directory other than the root; they go round the groups. Throws `no_space`. */
  directoryInode(path: string): InodePlace {
    return this.#inode(this.#directories++ % GROUPS, path);
  }

  #inode(first: number, path: string): InodePlace {
    for (const group of this.#from(first)) {
      const place = group.takeInode();
      if (place === undefined) continue;
      return { number: inodeNumber(this.#geometry, group.number, place), group: group.number, place };
    }
    throw new XfsError("no_space", `xfs: ${path}: no room for its inode`);
  }

  /** Blocks for the contents of a file, piece by piece, each behind the last where that is free. Throws `no_space`. */
  fileBlocks(inode: InodePlace, blocks: number, path: string): readonly FileExtent[] {
    const extents: FileExtent[] = [];
    for (let done = 0; done < blocks; ) {
      const piece = Math.min(PIECE_BLOCKS - (done % PIECE_BLOCKS), blocks - done);
      const target = this.#behind(extents.at(-1)) ?? inodeBlock(inode);
      const found = this.#piece(target, piece, true, path);
      append(extents, { ...found, offset: done });
      done += found.count;
      if (done % PIECE_BLOCKS === 0) done += this.#continue(extents, blocks - done);
    }
    for (const extent of extents) this.#own(inode, extent);
    return extents;
  }

  /** Adds one block to a directory's extents, behind what stands before it in the file if possible. Throws `no_space`. */
  directoryBlock(inode: InodePlace, extents: FileExtent[], offset: number, path: string): void {
    const at = extents.findLastIndex((extent) => extent.offset < offset) + 1;
    const target = this.#behind(extents[at - 1]) ?? inodeBlock(inode);
    const extent = { ...this.#piece(target, 1, false, path), offset };
    this.#own(inode, extent);
    extents.splice(at, 0, extent);
  }

  /** The block behind an extent; none at the end of a group. */
  #behind(extent: FileExtent | undefined): Target | undefined {
    const block = extent && extent.start + extent.count;
    return block !== undefined && block < this.#geometry.groupBlocks ? { group: extent!.group, block } : undefined;
  }

  *#from(first: number): Generator<Group> {
    for (let i = 0; i < GROUPS; i++) yield this.groups[(first + i) % GROUPS]!;
  }

  /** Up to `count` blocks, fewer only when no group has so many in a row (xfs_bmap_btalloc). */
  #piece(target: Target, count: number, contents: boolean, path: string): Omit<FileExtent, "offset"> {
    const longest = Math.max(...this.groups.map(({ free }) => free.longest));
    const need = Math.min(count, longest);
    for (const left of need > 0 ? [EXTENT_TREE_BLOCKS, 0] : []) {
      for (const group of this.#from(target.group)) {
        if (!group.hasRoom(need, left)) continue;
        const near = group.number === target.group;
        const start = near ? group.takeNear({ wanted: target.block, count: need, contents }) : group.takeSmallest(need);
        if (start !== undefined) return { group: group.number, start, count: need };
      }
    }
    throw new XfsError("no_space", `xfs: ${path}: ${count} more blocks do not fit`);
  }

  /** Takes the whole pieces that follow the last extent at once; gives the number of blocks. */
  #continue(extents: FileExtent[], wanted: number): number {
    const last = extents.at(-1)!;
    const { free } = this.groups[last.group]!;
    const next = last.start + last.count;
    const most = Math.min(free.runAt(next), wanted, free.blocks - EXTENT_TREE_BLOCKS, MAX_EXTENT_BLOCKS - last.count);
    const more = alignDown(most, PIECE_BLOCKS);
    if (more <= 0) return 0;
    free.take(next, more);
    extents[extents.length - 1] = { ...last, count: last.count + more };
    return more;
  }

  #own(inode: InodePlace, { group, start, count, offset }: FileExtent): void {
    this.groups[group]!.own({ start, count, owner: BigInt(inode.number), offset });
  }
}

function inodeBlock({ group, place }: InodePlace): Target {
  return { group, block: Math.floor(place / INODES_PER_BLOCK) };
}

/** Joins an extent to the last one where it continues that, in the file and on disk. */
export function append(extents: FileExtent[], extent: FileExtent): void {
  const last = extents.at(-1);
  const continues =
    last?.group === extent.group &&
    last.start + last.count === extent.start &&
    last.offset + last.count === extent.offset &&
    last.count + extent.count <= MAX_EXTENT_BLOCKS;
  if (continues) extents[extents.length - 1] = { ...last, count: last.count + extent.count };
  else extents.push(extent);
}
