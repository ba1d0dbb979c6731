import { type FileHandle, open } from "node:fs/promises";
import type { Digest } from "../bytes/digest.ts";

/** A file that several users share. */
export interface OpenFile {
  readonly handle: Promise<FileHandle>;
  users: number;
}

/** Blob files open for reading, shared by all who use one; the latest unused ones stay open for the next read. */
export class OpenFiles {
  readonly #path: (digest: Digest) => string;
  readonly #maxUnused: number;
  readonly #used = new Map<Digest, OpenFile>();
  readonly #unused = new Map<Digest, OpenFile>();

  constructor(path: (digest: Digest) => string, maxUnused: number) {
    this.#path = path;
    this.#maxUnused = maxUnused;
  }

  /** Opens a file or shares it; every call needs one `release`, also when the handle rejects. */
  acquire(digest: Digest): OpenFile {
    const file = this.#used.get(digest) ?? this.#unused.get(digest) ?? this.#opened(digest);
    this.#unused.delete(digest);
    this.#used.set(digest, file);
    file.users++;
    return file;
  }

  release(digest: Digest, file: OpenFile): void {
    file.users--;
    if (file.users > 0) return;
    // A file that could not be opened is in no list any more.
    if (!this.#used.delete(digest)) return;
    this.#unused.set(digest, file);
    if (this.#unused.size > this.#maxUnused) this.forget(this.#unused.keys().next().value!);
  }

  isUsed(digest: Digest): boolean {
    return this.#used.has(digest);
  }

  /** Closes a file that nobody uses, so that its space is free once it is removed. */
  forget(digest: Digest): void {
    const file = this.#unused.get(digest);
    this.#unused.delete(digest);
    if (file) closeQuietly(file);
  }

  /** Closes every file that nobody uses. */
  forgetAll(): void {
    for (const digest of this.#unused.keys()) this.forget(digest);
  }

  #opened(digest: Digest): OpenFile {
    const file = { handle: open(this.#path(digest), "r"), users: 0 };
    file.handle.catch(() => {
      if (this.#used.get(digest) === file) this.#used.delete(digest);
    });
    return file;
  }
}

function closeQuietly(file: OpenFile): void {
  file.handle.then((handle) => handle.close()).catch(() => undefined);
}
