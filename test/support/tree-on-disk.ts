import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/bytes/digest.ts";

/** Contents in a form that stays short in a failing test's output. */
export function contents(bytes: Uint8Array): string {
  return bytes.length <= 64 ? Buffer.from(bytes).toString("latin1") : `${bytes.length} bytes, ${sha256(bytes)}`;
}

function describe(path: string, stats: Stats, modes: number): string {
  const mode = (stats.mode & modes).toString(8);
  if (stats.isDirectory()) return `directory ${mode} `;
  if (stats.isSymbolicLink()) return `symlink ${mode} ${readlinkSync(path)}`;
  return stats.isFile() ? `file ${mode} ${contents(readFileSync(path))}` : `special ${mode} `;
}

/** Kind, mode and contents of everything below a folder by relative path; `modes` are the bits of the modes to tell. */
export function treeOnDisk(root: string, modes = 0o7777, folder = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(join(root, folder))) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const stats = lstatSync(join(root, path));
    found.set(path, describe(join(root, path), stats, modes));
    if (stats.isDirectory()) for (const [below, what] of treeOnDisk(root, modes, path)) found.set(below, what);
  }
  return found;
}
