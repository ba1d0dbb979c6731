import { utf8 } from "../../bytes/text.ts";
import type { FileData } from "./data.ts";
import { NAME_MAX, PATH_BYTES } from "./layout.ts";
import { type SquashfsAttributes, SquashfsError, type SquashfsSpecial } from "./model.ts";

/** A node of the tree being collected. The same node in two directories is a hard link. */
export type Node = DirectoryNode | LeafNode;

export interface DirectoryNode {
  readonly $case: "directory";
  attributes: SquashfsAttributes;
  /** False while the directory only exists because something lies in it. */
  declared: boolean;
  readonly children: Map<string, Node>;
}

export type LeafNode =
  | { readonly $case: "file"; readonly attributes: SquashfsAttributes; readonly data: FileData }
  | { readonly $case: "symlink"; readonly attributes: SquashfsAttributes; readonly target: Uint8Array }
  | (SquashfsSpecial & { readonly attributes: SquashfsAttributes });

const IMPLICIT: SquashfsAttributes = { mode: 0o755 };

function directory(): DirectoryNode {
  return { $case: "directory", attributes: IMPLICIT, declared: false, children: new Map() };
}

/** The names of all nodes, and the rules for paths: relative, no `.` or `..`, each one given once. */
export class Tree {
  readonly root = directory();

  /** Declares a directory; `""` is the root. */
  addDirectory(path: string, attributes: SquashfsAttributes): void {
    const { parent, name } = path === "" ? { parent: undefined, name: "" } : this.#place(path);
    const node = parent ? (parent.children.get(name) ?? directory()) : this.root;
    if (node.$case !== "directory" || node.declared) throw duplicate(path);
    node.attributes = attributes;
    node.declared = true;
    parent?.children.set(name, node);
  }

  /** Checks that a leaf may stand at `path`, makes its missing parents, and gives the function that puts it there. */
  reserve(path: string): (node: LeafNode) => void {
    const { parent, name } = this.#place(path);
    if (parent.children.has(name)) throw duplicate(path);
    return (node) => {
      parent.children.set(name, node);
    };
  }

  /** The file, symlink or special node at `path`, for a further name of it. */
  leaf(path: string): LeafNode {
    let node: Node | undefined = this.root;
    for (const name of partsOf(path)) node = node?.$case === "directory" ? node.children.get(name) : undefined;
    if (!node) throw new SquashfsError("entry_missing", `squashfs: "${path}" was not added before it was linked to`);
    if (node.$case === "directory") throw new SquashfsError("entry_invalid", `squashfs: "${path}" is a directory`);
    return node;
  }

  #place(path: string): { parent: DirectoryNode; name: string } {
    const parts = partsOf(path);
    const name = parts.pop()!;
    let parent = this.root;
    for (const part of parts) {
      const next = parent.children.get(part) ?? directory();
      if (next.$case !== "directory") {
        throw new SquashfsError("entry_invalid", `squashfs: "${path}" lies below "${part}", which is no directory`);
      }
      parent.children.set(part, next);
      parent = next;
    }
    return { parent, name };
  }
}

function duplicate(path: string): SquashfsError {
  return new SquashfsError("entry_duplicate", `squashfs: "${path}" was added twice`);
}

function partsOf(path: string): string[] {
  const parts = path.split("/");
  const reason = pathProblem(path) ?? parts.map(nameProblem).find((problem) => problem !== undefined);
  if (reason)
    throw new SquashfsError("entry_invalid", `squashfs: path ${JSON.stringify(path.slice(0, 200))} ${reason}`);
  return parts;
}

function pathProblem(path: string): string | undefined {
  if (path.includes("\0")) return "contains a NUL";
  if (!path.isWellFormed()) return "is not well-formed Unicode";
  if (utf8(path).length > PATH_BYTES) return `is longer than ${PATH_BYTES} bytes`;
  return undefined;
}

function nameProblem(name: string): string | undefined {
  if (name === "") return "is absolute, or has an empty part";
  if (name === "." || name === "..") return `has a "${name}" part`;
  if (utf8(name).length > NAME_MAX) return `has a part longer than ${NAME_MAX} bytes`;
  return undefined;
}
