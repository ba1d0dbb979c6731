/** The output folder on standard output, as `--tar-to-stdout` wants it (imager.md 2.5). */
import { createReadStream, type Dirent, type Stats } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Pack, pack } from "tar-stream";
import { compareText } from "../bytes/text.ts";
import { messageOf } from "../errors.ts";
import { CliError } from "./errors.ts";

/** Writes everything in a folder as a gzip-compressed tar; names are relative to it. Throws `output_failed`, `cancelled`. */
export async function writeTarball(folder: string, to: Writable, signal: AbortSignal): Promise<void> {
  const archive = pack();
  const filling = addTree(archive, folder, folder).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  try {
    await pipeline(archive, createGzip(), to, { signal, end: false });
    await filling;
  } catch (cause) {
    signal.throwIfAborted();
    throw new CliError("output_failed", `standard output: ${messageOf(cause)}`, { cause });
  }
}

async function addTree(archive: Pack, root: string, folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => compareText(a.name, b.name))) await addEntry(archive, root, entry);
}

async function addEntry(archive: Pack, root: string, entry: Dirent): Promise<void> {
  const path = join(entry.parentPath, entry.name);
  const stats = await lstat(path);
  const header = headerOf(relative(root, path), stats);
  if (entry.isDirectory()) {
    archive.entry({ ...header, name: `${header.name}/`, type: "directory" });
    await addTree(archive, root, path);
  } else if (entry.isSymbolicLink()) archive.entry({ ...header, type: "symlink", linkname: await readlink(path) });
  else if (entry.isFile()) await pipeline(createReadStream(path), archive.entry({ ...header, size: stats.size }));
}

function headerOf(name: string, { mode, uid, gid, mtime }: Stats) {
  return { name, mode: mode & 0o7777, uid, gid, mtime };
}
