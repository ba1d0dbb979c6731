import { GiB, MiB } from "../bytes/align.ts";
import { SourceError } from "./errors.ts";

interface EntryBase {
  /** Cleaned, relative to the root, without leading or trailing slash; never empty. */
  readonly path: string;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  /** Label of the PAX record SCHILY.xattr.security.selinux. */
  readonly selinux?: string;
}

/**
 * One entry of a flattened image. Directories may come after what they hold, and parents may have no entry at all.
 * A file's `body` can be read until the next entry is asked for; what is not read is skipped.
 */
export type TreeEntry = EntryBase &
  (
    | { readonly $case: "directory" }
    | { readonly $case: "file"; readonly size: number; readonly body: AsyncIterable<Uint8Array> }
    /** `target` as it is in the archive: relative ones stay below the root, absolute ones are not judged. */
    | { readonly $case: "symlink"; readonly target: string }
    /** `target` is a cleaned path below the root, as `path` is. It need not exist. */
    | { readonly $case: "hardlink"; readonly target: string }
    | {
        readonly $case: "device";
        readonly kind: "character" | "block" | "fifo";
        readonly major: number;
        readonly minor: number;
      }
  );

/** What flattening accepts at most, over all layers of an image. */
export interface TreeLimits {
  /** Entries of all archives, hidden ones included. */
  readonly entries: number;
  /** Code units of one path or link target, and of all paths together. */
  readonly pathLength: number;
  readonly allPathsLength: number;
  /** Components of one path. */
  readonly depth: number;
  /** Bytes of one file. */
  readonly fileBytes: number;
  /** Decompressed bytes of all layers. */
  readonly totalBytes: number;
}

export const DEFAULT_TREE_LIMITS: TreeLimits = {
  entries: 200_000,
  pathLength: 4096,
  allPathsLength: 64 * MiB,
  depth: 64,
  fileBytes: 4 * GiB,
  totalBytes: 16 * GiB,
};

/** Follows `text` from the folder `from`; undefined when it leads out of the root. */
function follow(from: readonly string[], text: string): readonly string[] | undefined {
  const out = [...from];
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") out.push(part);
    else if (out.pop() === undefined) return undefined;
  }
  return out;
}

function checkText(text: string, what: string, limits: TreeLimits): void {
  if (text === "") throw new SourceError("malformed", `layer: ${what} is empty`);
  if (text.length > limits.pathLength) {
    throw new SourceError("too_large", `layer: ${what} is longer than ${limits.pathLength} characters`);
  }
  // U+FFFD stands for bytes that were no UTF-8: two such names could become one.
  if (/[\0\ufffd]/.test(text)) throw new SourceError("malformed", `layer: ${what} is no text`);
}

/**
 * The name of an archive entry, cleaned: a path below the root, or "" for the root itself. Absolute names count from
 * the root (imager.md 5.1). Throws `malformed` when a relative name leads out of it, `too_large` beyond the limits.
 */
export function cleanName(name: string, limits: TreeLimits): string {
  checkText(name, "a name", limits);
  const parts = name.startsWith("/") ? rooted(name) : follow([], name);
  if (!parts) throw new SourceError("malformed", `layer: "${name.slice(0, 120)}" leads out of the root`);
  return joined(parts, limits);
}

/** The same for archives whose names all count from the root: `..` stays there. */
export function rootedName(name: string, limits: TreeLimits): string {
  checkText(name, "a name", limits);
  return joined(rooted(name), limits);
}

function joined(parts: readonly string[], limits: TreeLimits): string {
  const path = parts.join("/");
  if (parts.length <= limits.depth) return path;
  throw new SourceError("too_large", `layer: "${path.slice(0, 120)}…" is deeper than ${limits.depth} folders`);
}

/** An absolute path: `..` at the root stays there. */
function rooted(path: string): readonly string[] {
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") out.pop();
    else if (part !== "" && part !== ".") out.push(part);
  }
  return out;
}

/** True when a symbolic link at `path` stays below the root; absolute targets are not judged. */
export function symlinkStays(path: string, target: string, limits: TreeLimits): boolean {
  checkText(target, `the target of "${path.slice(0, 120)}"`, limits);
  return target.startsWith("/") || follow(path.split("/").slice(0, -1), target) !== undefined;
}

/** The cleaned target of a hard link, which is named from the root; undefined when it leads out of it. */
export function hardlinkTarget(path: string, target: string, limits: TreeLimits): string | undefined {
  checkText(target, `the target of "${path.slice(0, 120)}"`, limits);
  return (target.startsWith("/") ? rooted(target) : follow([], target))?.join("/");
}
