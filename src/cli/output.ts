/** The output folder: a file is whole or not there. */
import { randomUUID } from "node:crypto";
import { existsSync, rmdirSync, rmSync } from "node:fs";
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { KiB, MiB } from "../bytes/align.ts";
import { messageOf } from "../errors.ts";
import { type BlobFiller, extentLength, fill, type Recipe } from "../extents/index.ts";
import { CliError } from "./errors.ts";

/** Shorter runs of zeros are written: a hole costs the file system an extent of its own. */
const HOLE_BYTES = 64 * KiB;
const CHUNK_BYTES = 4 * MiB;
/** As the reference makes its output folder. */
const FOLDER_MODE = 0o755;

/** A file on its way into the output folder. Disposing of it leaves the folder as it was, unless `publish` came first. */
export class OutputFile implements AsyncDisposable {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  readonly #discard: () => void;
  #published = false;

  private constructor(path: string, temporary: string, file: FileHandle, discard: () => void) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
    this.#discard = discard;
    // Also when the process is told to end at once.
    process.once("exit", discard);
  }

  /** Makes the folder where it is not there, and a temporary file in it. Throws `output_failed`. */
  static async create(folder: string, name: string): Promise<OutputFile> {
    const path = join(resolve(folder), name);
    const temporary = join(resolve(folder), `.${name}.${randomUUID()}.part`);
    const made = await attempt(folder, () => makeFolders(resolve(folder)));
    const discard = (): void => {
      try {
        rmSync(temporary, { force: true });
        if (made !== undefined) removeEmpty(resolve(folder), made);
      } catch {
        // The failure that led here is the one to be told about.
      }
    };
    try {
      const file = await attempt(folder, () => open(temporary, "wx+"));
      return new OutputFile(path, temporary, file, discard);
    } catch (error) {
      discard();
      throw error;
    }
  }

  get path(): string {
    return this.#path;
  }

  /**
   * Writes all bytes of a recipe; long zeros become holes. `onBytes` hears how far it is. Throws `output_failed`, `cancelled`
   * by way of `signal`, and what the store throws.
   */
  async write(content: Recipe, blobs: BlobFiller, signal: AbortSignal, onBytes: (done: number) => void): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, content.size));
    for (const { start, end } of dataRanges(content)) {
      for (let at = start; at < end; ) {
        signal.throwIfAborted();
        const chunk = buffer.subarray(0, Math.min(CHUNK_BYTES, end - at));
        await fill(content, blobs, at, chunk);
        await attempt(this.#path, () => writeAll(this.#file, chunk, at));
        at += chunk.length;
        onBytes(at);
      }
    }
    await attempt(this.#path, () => this.#file.truncate(content.size));
    onBytes(content.size);
  }

  /** Gives the file its name, in place of what had it before. Throws `output_failed`. */
  async publish(): Promise<void> {
    await attempt(this.#path, async () => {
      await this.#file.close();
      await rename(this.#temporary, this.#path);
    });
    this.#published = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off("exit", this.#discard);
    if (this.#published) return;
    await this.#file.close().catch(() => undefined);
    this.#discard();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** What has to be written, in order: everything but the long zeros. */
function dataRanges({ extents, starts }: Recipe): readonly { readonly start: number; readonly end: number }[] {
  const ranges: { start: number; end: number }[] = [];
  for (const [i, extent] of extents.entries()) {
    if (extent.$case === "zeros" && extent.length >= HOLE_BYTES) continue;
    const start = starts[i]!;
    const last = ranges.at(-1);
    const end = start + extentLength(extent);
    if (last?.end === start) last.end = end;
    else ranges.push({ start, end });
  }
  return ranges;
}

/**
 * Makes a folder and those above it; gives the first that was not there. Not Node's recursive `mkdir`, which never comes
 * back where folders cannot be made at all, such as in `/proc`.
 */
async function makeFolders(folder: string): Promise<string | undefined> {
  if (existsSync(folder)) return undefined;
  const made = await makeFolders(dirname(folder));
  await mkdir(folder, FOLDER_MODE).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") return;
    if (made !== undefined) removeEmpty(dirname(folder), made);
    throw error;
  });
  return made ?? folder;
}

/** Removes the folders from `folder` up to `first`, which were made by us. Throws at the first that somebody uses. */
function removeEmpty(folder: string, first: string): void {
  for (let at = folder; at.length >= first.length; at = dirname(at)) rmdirSync(at);
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new CliError("output_failed", `output ${path}: ${messageOf(cause)}`, { cause });
  }
}
