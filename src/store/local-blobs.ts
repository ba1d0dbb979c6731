import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestHex } from "../bytes/digest.ts";
import type { BlobRef } from "../extents/index.ts";
import { StoreError, storeFailure } from "./errors.ts";
import { blobFolder, type OpenTemporary, openTemporary, prepareTemporary, writeAtomic } from "./files.ts";
import { LocalLease } from "./lease.ts";
import { LocalWriter } from "./local-writer.ts";
import { type OpenFile, OpenFiles } from "./open-files.ts";
import type { BlobLease, BlobStore, BlobWriter, LeasedBlobs, WriteLimits } from "./ports.ts";
import { Recency } from "./recency.ts";

/** Files that stay open for the next read; a download touches a handful, so this serves many at once. */
const UNUSED_FILES = 128;

export interface LocalBlobOptions {
  /** Files kept open though nobody uses them. Removed ones still take space until they are closed. */
  readonly unusedFiles?: number;
  readonly openTemporary?: OpenTemporary;
}

/**
 * Blobs in an OCI image layout (image-spec: image-layout.md) in a local folder, with a `tmp` folder
 * beside it on the same file system. Several processes and threads may share one folder.
 */
export class LocalBlobStore implements LeasedBlobs {
  readonly #blobs: string;
  readonly #temporary: string;
  readonly #openTemporary: OpenTemporary;
  readonly #files: OpenFiles;
  readonly #removing = new Map<Digest, Promise<unknown>>();
  readonly #recency = new Recency();
  readonly #writing = new Set<{ readonly since: number }>();
  #onRelease: () => void = () => undefined;

  private constructor(folder: string, options: LocalBlobOptions) {
    this.#blobs = blobFolder(folder);
    this.#temporary = join(folder, "tmp");
    this.#openTemporary = options.openTemporary ?? openTemporary;
    this.#files = new OpenFiles((digest) => this.#path(digest), options.unusedFiles ?? UNUSED_FILES);
  }

  /** Opens the store in `folder`, creating it when it is not there. `now` is milliseconds since the epoch. */
  static async open(folder: string, now: number, options: LocalBlobOptions = {}): Promise<LocalBlobStore> {
    const temporary = join(folder, "tmp");
    try {
      await mkdir(blobFolder(folder), { recursive: true });
      await prepareTemporary(temporary, now);
      const marks: readonly [string, string][] = [
        ["oci-layout", '{"imageLayoutVersion":"1.0.0"}'],
        ["index.json", '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'],
      ];
      for (const [name, text] of marks) {
        const path = join(folder, "oci", name);
        if (!(await stat(path).catch(() => undefined))) await writeAtomic(temporary, path, text);
      }
    } catch (cause) {
      throw storeFailure("data folder", cause);
    }
    return new LocalBlobStore(folder, options);
  }

  async size(digest: Digest): Promise<number | undefined> {
    return (await this.#stat(digest))?.size;
  }

  async read(digest: Digest, offset: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(length);
    await this.fill(digest, offset, bytes);
    return bytes;
  }

  async fill(digest: Digest, offset: number, into: Uint8Array): Promise<void> {
    const file = this.#files.acquire(digest);
    try {
      const handle = await file.handle;
      for (let done = 0; done < into.length; ) {
        const { bytesRead } = await handle.read(into, done, into.length - done, offset + done);
        if (bytesRead === 0)
          throw new StoreError("store_damaged", `blob ${digest}: ends before byte ${offset + into.length}`);
        done += bytesRead;
      }
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
        throw new StoreError("blob_missing", `blob ${digest}: not in the store`, { cause });
      }
      throw storeFailure(`blob ${digest}`, cause);
    } finally {
      this.#release(digest, file);
    }
  }

  async writer({ maxBytes }: WriteLimits): Promise<BlobWriter> {
    const temporary = await this.#openTemporary(this.#temporary).catch((cause: unknown) => {
      throw storeFailure("new blob", cause);
    });
    return new LocalWriter(temporary, maxBytes, (digest) => this.#path(digest));
  }

  lease(): BlobLease {
    return new LocalLease((blob) => this.#pin(blob));
  }

  writing(): () => void {
    const mark = { since: Date.now() };
    this.#writing.add(mark);
    return () => void this.#writing.delete(mark);
  }

  /** When the oldest of the writes that go on was begun, milliseconds since the epoch; undefined when there is none. */
  writingSince(): number | undefined {
    return this.#writing.values().next().value?.since;
  }

  /** When a blob was used last, milliseconds since the epoch; undefined when this process does not know. */
  lastUse(digest: Digest): number | undefined {
    return this.#recency.lastUse(digest);
  }

  /** Calls `listener` whenever a blob that was held or read is so no longer. */
  onRelease(listener: () => void): void {
    this.#onRelease = listener;
  }

  /** Removes a blob unless it is held or being read; false when it is. */
  async evict(digest: Digest): Promise<boolean> {
    if (this.#files.isUsed(digest)) return false;
    this.#files.forget(digest);
    const removed = rm(this.#path(digest), { force: true }).finally(() => this.#removing.delete(digest));
    this.#removing.set(digest, removed);
    await removed;
    return true;
  }

  /** Closes every file that is not being read. */
  close(): void {
    this.#files.forgetAll();
  }

  #path(digest: Digest): string {
    return join(this.#blobs, digestHex(digest));
  }

  async #stat(digest: Digest) {
    return await stat(this.#path(digest)).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return undefined;
      throw storeFailure(`blob ${digest}`, cause);
    });
  }

  /**
   * An open file outlives its name, so a held blob can be read whoever removes it. The name is looked at as well: jobs
   * in other threads open the file by it.
   */
  async #pin({ digest, size }: BlobRef): Promise<(() => void) | undefined> {
    while (this.#removing.has(digest)) await this.#removing.get(digest)?.catch(() => undefined);
    const file = this.#files.acquire(digest);
    let whole = false;
    try {
      await file.handle;
      const info = await this.#stat(digest);
      whole = info?.size === size;
      if (info && whole) await this.#recency.use(digest, this.#path(digest), info.mtimeMs);
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw storeFailure(`blob ${digest}`, cause);
    } finally {
      if (!whole) this.#release(digest, file);
    }
    return whole ? () => this.#release(digest, file) : undefined;
  }

  #release(digest: Digest, file: OpenFile): void {
    this.#files.release(digest, file);
    if (!this.#files.isUsed(digest)) this.#onRelease();
  }
}

/** Writes a whole stream as one blob; whatever goes wrong, nothing stays behind. */
export async function writeBlob(
  store: BlobStore,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: WriteLimits & { readonly expected?: BlobRef },
): Promise<BlobRef> {
  const writer = await store.writer(options);
  try {
    for await (const bytes of source) await writer.write(bytes);
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return await writer.commit(options.expected);
}
