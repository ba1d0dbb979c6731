import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A leftover of a crashed process is removed when nobody has written to it for this long (milliseconds). */
const STALE_AFTER = 60 * 60 * 1000;

/** Where blobs stand in a data folder (image-spec: image-layout.md), each named by the hex digits of its SHA-256. */
export function blobFolder(dataFolder: string): string {
  return join(dataFolder, "oci", "blobs", "sha256");
}

/** Where derivation records stand in a data folder. */
export function recordFolder(dataFolder: string): string {
  return join(dataFolder, "derivations");
}

/** What is done to a file on its way into the store. A `FileHandle` is one; tests give one whose disk is full. */
export interface WritableFile {
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  sync(): Promise<void>;
  utimes(atime: Date, mtime: Date): Promise<void>;
  close(): Promise<void>;
}

/** A file that is not visible yet, and where it stands. */
export interface TemporaryFile {
  readonly path: string;
  readonly file: WritableFile;
}

/** Makes a new, empty file in a folder under a name nobody else uses. */
export type OpenTemporary = (folder: string) => Promise<TemporaryFile>;

/** `OpenTemporary` on the real file system. */
export async function openTemporary(folder: string): Promise<TemporaryFile> {
  const path = join(folder, `${process.pid}-${randomUUID()}`);
  return { path, file: await open(path, "wx+", 0o644) };
}

/** Writes all of `bytes` at `position` (bytes). */
export async function writeFully({ file }: TemporaryFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/**
 * Makes a complete temporary file visible under `target`, so that a crash leaves either none or the whole of it. Its
 * modification time is that of this moment, however long it took to write it.
 */
export async function publish(temporary: TemporaryFile, target: string): Promise<void> {
  const now = new Date();
  await temporary.file.utimes(now, now);
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
export async function writeAtomic(temporaryFolder: string, target: string, content: string): Promise<void> {
  const temporary = await openTemporary(temporaryFolder);
  try {
    await writeFully(temporary, Buffer.from(content), 0);
    await publish(temporary, target);
  } catch (error) {
    await discard(temporary);
    throw error;
  }
}

/** Closes and removes a temporary file; failing to do so is no new error. */
export async function discard(temporary: TemporaryFile): Promise<void> {
  await temporary.file.close().catch(() => undefined);
  await rm(temporary.path, { force: true }).catch(() => undefined);
}

/** Creates the folder for temporary files and removes what crashed processes left in it. */
export async function prepareTemporary(folder: string, now: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info && now - info.mtimeMs > STALE_AFTER) await rm(path, { recursive: true, force: true });
  }
}
