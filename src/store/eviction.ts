import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { alignUp } from "../bytes/align.ts";
import { type Digest, parseDigest } from "../bytes/digest.ts";
import { compareText } from "../bytes/text.ts";
import { blobFolder, recordFolder } from "./files.ts";
import type { LocalBlobStore } from "./local-blobs.ts";

/** A sweep frees this share of the limit more than it must, so that not every new blob needs a sweep. */
const SLACK = 0.1;
/** Sweeps start at least this long after each other (milliseconds). */
const PAUSE_MS = 1000;
/** The folder is looked through this often even when this process writes nothing: others may (milliseconds). */
const RESCAN_MS = 5 * 60 * 1000;
/** Files take whole blocks (bytes). */
const BLOCK = 4096;
/** Files asked for their times at once. */
const PARALLEL_STATS = 32;
/** File times are kept by a coarser clock than the one jobs are timed by (milliseconds). */
const CLOCK_SLACK_MS = 1000;

export interface Swept {
  /** Bytes that blobs and records take after the sweep. */
  readonly bytes: number;
  /** Blobs and records removed, and their bytes. */
  readonly removed: number;
  readonly freed: number;
}

export interface EvictorOptions {
  readonly dataFolder: string;
  readonly blobs: LocalBlobStore;
  /** The limit in bytes. What is in use counts but stays, so the store may be larger for a while. */
  readonly maxBytes: number;
  readonly onSwept: (swept: Swept) => void;
  readonly onFailure: (cause: unknown) => void;
}

/** A file that may be removed, because it can be made again. */
interface Entry {
  readonly path: string;
  /** The blob's digest; undefined for a derivation record. */
  readonly digest: Digest | undefined;
  readonly bytes: number;
  readonly mtimeMs: number;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

/**
 * Keeps blobs and derivation records within a size: the least recently used are removed first, never what is held or
 * being written. Schematics are not looked at. Every sweep reads the folder anew, because other processes write to it
 * and remove from it too.
 */
export class Evictor {
  readonly #options: EvictorOptions;
  readonly #rescan: NodeJS.Timeout;
  /** What the store holds as far as is known: what the last sweep found, and what was added since. */
  #bytes = 0;
  #running: Promise<void> | undefined;
  #pause: NodeJS.Timeout | undefined;
  #again = false;
  #closed = false;

  constructor(options: EvictorOptions) {
    this.#options = options;
    this.#rescan = setInterval(() => this.request(), RESCAN_MS).unref();
    options.blobs.onRelease(() => {
      if (this.#bytes > options.maxBytes) this.request();
    });
    this.request();
  }

  /** Told of every blob that was made; sweeps when the store may have become too large. */
  added(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#options.maxBytes) this.request();
  }

  /** Sweeps now, or once more a while after the last time. */
  request(): void {
    if (this.#closed) return;
    if (this.#running || this.#pause) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#running = this.#sweep()
      .then(this.#options.onSwept, this.#options.onFailure)
      .finally(() => {
        this.#running = undefined;
        if (!this.#closed) this.#pause = setTimeout(() => this.#resume(), PAUSE_MS).unref();
      });
  }

  /** Sweeps no more, once a running sweep has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#rescan);
    clearTimeout(this.#pause);
    await this.#running;
  }

  #resume(): void {
    this.#pause = undefined;
    if (this.#again) this.request();
  }

  async #sweep(): Promise<Swept> {
    const { maxBytes } = this.#options;
    const entries = await this.#scan();
    let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    let removed = 0;
    const before = bytes;
    if (bytes > maxBytes) {
      entries.sort((a, b) => a.usedAt - b.usedAt || compareText(a.path, b.path));
      for (const entry of entries) {
        if (this.#closed || bytes <= maxBytes * (1 - SLACK)) break;
        if (!(await this.#remove(entry))) continue;
        bytes -= entry.bytes;
        removed++;
      }
    }
    this.#bytes = bytes;
    return { bytes, removed, freed: before - bytes };
  }

  async #scan(): Promise<Entry[]> {
    const { dataFolder } = this.#options;
    const files: { readonly path: string; readonly digest: Digest | undefined }[] = [];
    for (const name of await readdir(blobFolder(dataFolder))) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue;
      files.push({ path: join(blobFolder(dataFolder), name), digest: parseDigest(`sha256:${name}`) });
    }
    for (const name of await readdir(recordFolder(dataFolder))) {
      if (name.endsWith(".json")) files.push({ path: join(recordFolder(dataFolder), name), digest: undefined });
    }
    const entries: Entry[] = [];
    for (let at = 0; at < files.length && !this.#closed; at += PARALLEL_STATS) {
      await Promise.all(
        files.slice(at, at + PARALLEL_STATS).map(async (file) => {
          const info = await stat(file.path).catch(() => undefined);
          if (!info?.isFile()) return;
          const known = file.digest && this.#options.blobs.lastUse(file.digest);
          const usedAt = Math.max(info.mtimeMs, known ?? 0);
          entries.push({ ...file, bytes: alignUp(info.size, BLOCK), mtimeMs: info.mtimeMs, usedAt });
        }),
      );
    }
    return entries;
  }

  /** Removes an entry unless it is in use, or was written or used again since it was looked at. */
  async #remove({ path, digest, mtimeMs, usedAt }: Entry): Promise<boolean> {
    const { blobs } = this.#options;
    const info = await stat(path).catch(() => undefined);
    if (!info) return true;
    const writingSince = blobs.writingSince() ?? Number.POSITIVE_INFINITY;
    if (info.mtimeMs !== mtimeMs || info.mtimeMs >= writingSince - CLOCK_SLACK_MS) return false;
    if (digest !== undefined) return (blobs.lastUse(digest) ?? 0) <= usedAt && (await blobs.evict(digest));
    await rm(path, { force: true });
    return true;
  }
}
