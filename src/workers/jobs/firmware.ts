/** What is moved out of an extension into the initramfs itself: microcode, then all other firmware (imager.md 5.5). */
import { compareText } from "../../bytes/text.ts";
import { FactoryError } from "../../errors.ts";
import type { ExtensionParts, MovedFile } from "../protocol.ts";
import { UNMASKED } from "./context.ts";

/** Microcode is loaded by the kernel before it unpacks anything, from these names. */
const MICROCODE = [
  { pattern: /^intel-ucode\/[^/]+$/, target: "kernel/x86/microcode/GenuineIntel.bin" },
  { pattern: /^amd-ucode\/microcode_amd[^/]*\.bin$/, target: "kernel/x86/microcode/AuthenticAMD.bin" },
] as const;

/** Links followed for one name (Linux: MAXSYMLINKS), and levels of folders, linked ones included. */
const MAX_LINKS = 40;
const MAX_DEPTH = 64;

/** Where a file's bytes are, and its mode. */
type Content = Omit<MovedFile, "path">;

type Node =
  | { readonly $case: "directory"; readonly mode: number; readonly names: Set<string> }
  | { readonly $case: "link"; readonly target: string }
  | { readonly $case: "file"; readonly content: Content };

export type Moved = Pick<ExtensionParts, "microcode" | "firmware" | "firmwareDirectories">;

/** The firmware folder of one extension. Nodes are added with their paths in the extension, each once, in any order. */
export class FirmwareFolder {
  readonly #root: string;
  readonly #nodes = new Map<string, Node>();

  /** `path` with the slash in front. */
  constructor(path: string) {
    this.#root = path.slice(1);
  }

  /** True for the folder and what lies in it. */
  owns(path: string): boolean {
    return path === this.#root || path.startsWith(`${this.#root}/`);
  }

  addDirectory(path: string, mode: number): void {
    this.#nodes.set(path, { $case: "directory", mode, names: new Set() });
  }

  addLink(path: string, target: string): void {
    this.#nodes.set(path, { $case: "link", target });
  }

  addFile(path: string, content: Content): void {
    this.#nodes.set(path, { $case: "file", content });
  }

  /**
   * Moves one name after the other, in the order of a walk: links become what they point at at that moment, so a link to
   * what was moved before it is refused, as the reference does it. Throws `extension_invalid`.
   */
  move(): Moved {
    const moved = { microcode: [] as MovedFile[], firmware: [] as MovedFile[], firmwareDirectories: [] as Folder[] };
    const paths = [...this.#nodes.keys()].sort(compareText);
    for (const path of paths) {
      const parent = this.#nodes.get(parentOf(path));
      if (parent?.$case === "directory") parent.names.add(path.slice(path.lastIndexOf("/") + 1));
    }
    for (const { pattern, target } of MICROCODE) {
      for (const path of paths.filter((one) => pattern.test(one.slice(this.#root.length + 1)))) {
        const node = this.#nodes.get(this.#resolve(path));
        if (node?.$case !== "file") throw invalid(`microcode "${path}" is no file`);
        moved.microcode.push({ ...node.content, path: target });
        this.#remove(path);
      }
    }
    if (this.#nodes.has(this.#root)) this.#move(this.#root, this.#root, moved, 0);
    return moved;
  }

  #move(
    path: string,
    to: string,
    moved: { firmware: MovedFile[]; firmwareDirectories: Folder[] },
    depth: number,
  ): void {
    if (depth > MAX_DEPTH) throw invalid(`firmware "${to.slice(0, 120)}…" is deeper than ${MAX_DEPTH} folders`);
    const real = this.#resolve(path);
    const node = this.#nodes.get(real);
    if (node?.$case === "file") moved.firmware.push({ ...node.content, mode: node.content.mode & UNMASKED, path: to });
    else if (node?.$case === "directory") {
      moved.firmwareDirectories.push({ path: to, mode: node.mode & UNMASKED });
      for (const name of [...node.names]) this.#move(`${real}/${name}`, `${to}/${name}`, moved, depth + 1);
    }
    this.#remove(path);
  }

  #remove(path: string): void {
    const parent = this.#nodes.get(parentOf(path));
    if (parent?.$case === "directory") parent.names.delete(path.slice(path.lastIndexOf("/") + 1));
    this.#nodes.delete(path);
  }

  /** The path of the file or directory that `path` leads to. */
  #resolve(path: string): string {
    const at: string[] = [];
    const rest = path.split("/");
    let links = 0;
    for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
      if (part === ".." && at.pop() === undefined) throw dangling(path);
      else if (part !== "" && part !== "." && part !== "..") at.push(part);
      const node = this.#nodes.get(at.join("/"));
      if (node?.$case !== "link") continue;
      if (++links > MAX_LINKS || node.target.startsWith("/")) throw dangling(path);
      at.pop();
      rest.unshift(...node.target.split("/"));
    }
    const real = at.join("/");
    if (!this.#nodes.has(real)) throw dangling(path);
    return real;
  }
}

type Folder = ExtensionParts["firmwareDirectories"][number];

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function invalid(reason: string): FactoryError {
  return new FactoryError("extension_invalid", `extension image: ${reason}`);
}

function dangling(path: string): FactoryError {
  return invalid(`firmware link "${path}" points at no firmware, or at some that was moved before it`);
}
