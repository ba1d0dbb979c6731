import { utimes } from "node:fs/promises";
import type { Digest } from "../bytes/digest.ts";

/** A file's modification time tells when it was last used to this precision (milliseconds): one write an hour at most. */
const TOUCH_MS = 60 * 60 * 1000;
/** Uses remembered; what is forgotten is still known to the hour. */
const REMEMBERED = 65_536;

/** Marks a file as used now, unless its modification time says so already. */
export async function touch(path: string, mtimeMs: number): Promise<void> {
  const now = new Date();
  // Another process may have removed the file, and a read-only folder keeps no times; neither matters here.
  if (now.getTime() - mtimeMs > TOUCH_MS) await utimes(path, now, now).catch(() => undefined);
}

/** When blobs were last used: exactly while the process runs, by the hour across restarts and processes. */
export class Recency {
  readonly #uses = new Map<Digest, number>();

  async use(digest: Digest, path: string, mtimeMs: number): Promise<void> {
    this.#uses.delete(digest);
    this.#uses.set(digest, Date.now());
    if (this.#uses.size > REMEMBERED) this.#uses.delete(this.#uses.keys().next().value!);
    await touch(path, mtimeMs);
  }

  lastUse(digest: Digest): number | undefined {
    return this.#uses.get(digest);
  }
}
