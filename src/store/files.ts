import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A leftover of a crashed process is removed when nobody has written to it for this long (milliseconds). */
const STALE_AFTER = 60 * 60 * 1000;

/** A new, empty file in `folder` under a name nobody else uses. */
export async function openTemporary(folder: string): Promise<{ readonly path: string; readonly file: FileHandle }> {
  const path = join(folder, `${process.pid}-${randomUUID()}`);
  return { path, file: await open(path, "wx+", 0o644) };
}

/** Makes a complete temporary file visible under `target`, so that a crash leaves either none or the whole of it. */
export async function publish(temporary: { readonly path: string; readonly file: FileHandle }, target: string) {
  await temporary.file.sync();
  await temporary.file.close();
  await rename(temporary.path, target);
  const folder = await open(dirname(target), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Writes a small file whole or not at all. */
export async function writeAtomic(temporaryFolder: string, target: string, content: string | Uint8Array) {
  const temporary = await openTemporary(temporaryFolder);
  try {
    await temporary.file.writeFile(content);
    await publish(temporary, target);
  } catch (error) {
    await discard(temporary);
    throw error;
  }
}

/** Closes and removes a temporary file; failing to do so is no new error. */
export async function discard(temporary: { readonly path: string; readonly file: FileHandle }): Promise<void> {
  await temporary.file.close().catch(() => undefined);
  await rm(temporary.path, { force: true }).catch(() => undefined);
}

/** Creates the folder for temporary files and removes what crashed processes left in it. */
export async function prepareTemporary(folder: string, now: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info && now - info.mtimeMs > STALE_AFTER) await rm(path, { force: true });
  }
}
