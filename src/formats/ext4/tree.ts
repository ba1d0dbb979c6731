import { compareText } from "../../bytes/text.ts";
import type { Recipe } from "../../extents/index.ts";
import { MODE_DIRECTORY, MODE_FILE, MODE_SYMLINK } from "./layout.ts";
import { checkMode, type Ext4Entry, Ext4Error, MAX_DEPTH, MAX_ENTRIES, nameBytes, targetBytes } from "./model.ts";

/** What a node holds. Children are places in the list of nodes. */
type Body =
  | { readonly $case: "directory"; readonly children: readonly number[] }
  | { readonly $case: "file"; readonly content: Recipe }
  | { readonly $case: "symlink"; readonly target: Uint8Array };

/** A directory, file or link that gets an inode. */
export interface Node {
  /** Place of the directory it stands in; the root stands in itself. */
  readonly parent: number;
  readonly name: Uint8Array;
  /** i_mode: type and permissions. */
  readonly mode: number;
  readonly body: Body;
}

/** Places of the two nodes that every volume has. */
export const ROOT = 0;
export const LOST_FOUND = 1;

const ROOT_MODE = 0o755;
const LOST_FOUND_ENTRY: Ext4Entry = { $case: "directory", name: "lost+found", mode: 0o700, children: [] };

/** `lost+found` first, as mke2fs makes it before anything else, then by name. */
function order(a: Ext4Entry, b: Ext4Entry): number {
  if (a === LOST_FOUND_ENTRY || b === LOST_FOUND_ENTRY) return a === LOST_FOUND_ENTRY ? -1 : 1;
  return compareText(a.name, b.name);
}

/** Lists the nodes of a tree, each directory before what it holds. */
class Lister {
  readonly nodes: Node[] = [];

  /** Adds a directory and everything below it; gives its place. `path` ends in a slash. */
  directory(
    entry: Ext4Entry & { $case: "directory" },
    name: Uint8Array,
    parent: number,
    path: string,
    depth: number,
  ): number {
    if (depth > MAX_DEPTH) {
      throw new Ext4Error("too_deep", `ext4: ${path.slice(0, 200)}: deeper than ${MAX_DEPTH} directories`);
    }
    checkMode(entry.mode, path);
    const children: number[] = [];
    const place = this.#add(parent, name, MODE_DIRECTORY | entry.mode, { $case: "directory", children }, path);
    const seen = new Set<string>();
    for (const child of entry.children.toSorted(order)) {
      if (seen.has(child.name)) throw new Ext4Error("name_duplicate", `ext4: ${path}${child.name}: is there twice`);
      seen.add(child.name);
      children.push(this.#node(child, place, path + child.name, depth + 1));
    }
    return place;
  }

  #node(entry: Ext4Entry, parent: number, path: string, depth: number): number {
    const name = nameBytes(entry.name, path);
    switch (entry.$case) {
      case "directory":
        return this.directory(entry, name, parent, `${path}/`, depth);
      case "file":
        checkMode(entry.mode, path);
        return this.#add(parent, name, MODE_FILE | entry.mode, { $case: "file", content: entry.content }, path);
      case "symlink": {
        const target = targetBytes(entry.target, path);
        return this.#add(parent, name, MODE_SYMLINK | 0o777, { $case: "symlink", target }, path);
      }
    }
  }

  #add(parent: number, name: Uint8Array, mode: number, body: Body, path: string): number {
    if (this.nodes.length > MAX_ENTRIES + LOST_FOUND) {
      throw new Ext4Error("too_many_entries", `ext4: ${path}: more than ${MAX_ENTRIES} entries`);
    }
    return this.nodes.push({ parent, name, mode, body }) - 1;
  }
}

/**
 * The nodes of a tree with its root at place `ROOT` and `lost+found` at place `LOST_FOUND`. Throws `Ext4Error` for
 * names, modes and targets no inode can have.
 */
export function listNodes(tree: readonly Ext4Entry[]): readonly Node[] {
  const lister = new Lister();
  const children = [LOST_FOUND_ENTRY, ...tree];
  lister.directory({ $case: "directory", name: "", mode: ROOT_MODE, children }, new Uint8Array(0), ROOT, "/", 0);
  return lister.nodes;
}
