import { alignUp } from "../../bytes/align.ts";
import { utf8 } from "../../bytes/text.ts";
import { directoryBlock, directoryLeaf } from "./blocks.ts";
import { BLOCK_BYTES } from "./layout.ts";
import { XfsError } from "./model.ts";

/** File types in directory entries (XFS "Directory Data Structures"). */
export const FILE_TYPE = { file: 1, directory: 2 } as const;

/** An entry and where it stands: its byte offset within the directory's data blocks, whatever form they have. */
export interface DirectoryEntry {
  readonly name: Uint8Array;
  readonly inode: number;
  readonly type: number;
  readonly at: number;
}

/** The entries every directory starts with: itself and its parent. */
export const DOT_NAMES: readonly [Uint8Array, Uint8Array] = [utf8("."), utf8("..")];

/** Inside the inode, in one block, or in data blocks with a leaf. */
type Form = "short" | "block" | "leaf";

/** Block of a directory's file where its leaf stands, 32 GiB on (XFS "Leaf Directories"). */
export const LEAF_OFFSET = 2 ** 35 / BLOCK_BYTES;
export const LEAF_ENTRY_BYTES = 8;
/** Two counts behind the leaf entries of a single block. */
export const BLOCK_TAIL_BYTES = 8;
/** The number of data blocks, at the end of a leaf; before it the largest free run of each. */
export const LEAF_TAIL_BYTES = 4;
export const BEST_BYTES = 2;
/** Number of entries, of those with large inode numbers, and the parent. */
export const SHORT_HEAD_BYTES = 6;
/** Name length, offset, type and inode of an entry in the short form. */
const SHORT_ENTRY_BYTES = 8;

/** Bytes of an entry in a data block: inode, name, type and its own offset, in units of 8. */
export function entryBytes(name: Uint8Array): number {
  return alignUp(8 + 1 + name.length + 1 + 2, 8);
}

/**
 * A directory that grows entry by entry as the kernel grows it, so that every entry gets the same place (XFS
 * "Directories").
 */
export class Directory {
  readonly inode: number;
  readonly parent: number;
  readonly entries: DirectoryEntry[] = [];
  /** Bytes in use at the start of each data block; of the only one as it would be when entries still lie in the inode. */
  readonly used: number[];
  #form: Form = "short";
  #blocks = 0;
  #changes = 0;
  readonly #takeBlock: (offset: number) => void;
  readonly #path: string;

  /** `take` gets a block of the directory's file when it needs one; `path` is for messages. */
  constructor(
    place: { readonly inode: number; readonly parent: number },
    take: (offset: number) => void,
    path: string,
  ) {
    this.inode = place.inode;
    this.parent = place.parent;
    this.#takeBlock = take;
    this.#path = path;
    this.used = [DOT_NAMES.reduce((used, name) => used + entryBytes(name), directoryBlock.size)];
  }

  get form(): Form {
    return this.#form;
  }

  /** Bytes of the short form. */
  get shortBytes(): number {
    return this.entries.reduce((sum, { name }) => sum + SHORT_ENTRY_BYTES + name.length, SHORT_HEAD_BYTES);
  }

  /** The file's size in bytes; the leaf does not count. */
  get sizeBytes(): number {
    return this.#form === "short" ? this.shortBytes : this.used.length * BLOCK_BYTES;
  }

  /** How many entries changed the inode itself: those in it, those that took a block, and directories, which link back. */
  get changes(): number {
    return this.#changes;
  }

  /** Leaf entries: one for each entry, `.` and `..`. */
  get hashes(): number {
    return this.entries.length + DOT_NAMES.length;
  }

  /** Adds an entry; `room` is what the inode has for the short form, in bytes. Throws `directory_too_large`. */
  add({ name, inode, type }: Omit<DirectoryEntry, "at">, room: number): void {
    const before = this.#blocks;
    const block = this.#blockFor(name, room);
    this.entries.push({ name, inode, type, at: block * BLOCK_BYTES + this.used[block]! });
    this.used[block]! += entryBytes(name);
    if (this.#form === "short" || this.#blocks > before || type === FILE_TYPE.directory) this.#changes++;
  }

  /** Leaves the inode when the short form takes more than `room` bytes. */
  shrink(room: number): void {
    if (this.#form !== "short" || this.shortBytes <= room) return;
    this.#form = "block";
    this.#take(0);
  }

  #blockFor(name: Uint8Array, room: number): number {
    this.shrink(room - SHORT_ENTRY_BYTES - name.length);
    if (this.#form === "short") return 0;
    if (this.#form === "block") {
      const free = BLOCK_BYTES - this.used[0]! - LEAF_ENTRY_BYTES * this.hashes - BLOCK_TAIL_BYTES;
      if (free >= entryBytes(name) + LEAF_ENTRY_BYTES) return 0;
      this.#form = "leaf";
      this.#take(LEAF_OFFSET);
    }
    return this.#dataBlockFor(name);
  }

  /** The first data block with room, or a new one. */
  #dataBlockFor(name: Uint8Array): number {
    const found = this.used.findIndex((used) => BLOCK_BYTES - used >= entryBytes(name));
    const blocks = found < 0 ? this.used.length + 1 : this.used.length;
    const leafBytes = directoryLeaf.size + LEAF_ENTRY_BYTES * (this.hashes + 1) + BEST_BYTES * blocks + LEAF_TAIL_BYTES;
    if (leafBytes > BLOCK_BYTES) {
      throw new XfsError(
        "directory_too_large",
        `xfs: ${this.#path}: ${this.entries.length} entries are all its leaf can hold`,
      );
    }
    if (found >= 0) return found;
    this.#take(this.used.length);
    return this.used.push(directoryBlock.size) - 1;
  }

  #take(offset: number): void {
    this.#takeBlock(offset);
    this.#blocks++;
  }
}
