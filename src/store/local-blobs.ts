import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestHex, Sha256Stream } from "../bytes/digest.ts";
import type { BlobRef } from "../extents/index.ts";
import { StoreError, storeFailure } from "./errors.ts";
import { discard, openTemporary, prepareTemporary, publish, writeAtomic } from "./files.ts";
import type { BlobStore, BlobWriter, WriteLimits } from "./ports.ts";

/** Files kept open for reading; a download touches a handful, so this serves many at once. */
const OPEN_FILES = 128;

/** A file shared by running reads; it is closed when it is evicted and the last read is done. */
interface OpenBlob {
  readonly handle: Promise<FileHandle>;
  readers: number;
  evicted: boolean;
}

/**
 * Blobs in an OCI image layout (image-spec: image-layout.md) in a local folder, with a `tmp` folder
 * beside it on the same file system. Several processes and threads may share one folder.
 */
export class LocalBlobStore implements BlobStore {
  readonly #blobs: string;
  readonly #temporary: string;
  readonly #open = new Map<Digest, OpenBlob>();

  private constructor(blobs: string, temporary: string) {
    this.#blobs = blobs;
    this.#temporary = temporary;
  }

  /** Opens the store in `folder`, creating it when it is not there. `now` is milliseconds since the epoch. */
  static async open(folder: string, now: number): Promise<LocalBlobStore> {
    const layout = join(folder, "oci");
    const blobs = join(layout, "blobs", "sha256");
    const temporary = join(folder, "tmp");
    try {
      await mkdir(blobs, { recursive: true });
      await prepareTemporary(temporary, now);
      const marks: readonly [string, string][] = [
        ["oci-layout", '{"imageLayoutVersion":"1.0.0"}'],
        ["index.json", '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'],
      ];
      for (const [name, text] of marks) {
        if (!(await stat(join(layout, name)).catch(() => undefined))) {
          await writeAtomic(temporary, join(layout, name), text);
        }
      }
    } catch (cause) {
      throw storeFailure("data folder", cause);
    }
    return new LocalBlobStore(blobs, temporary);
  }

  async size(digest: Digest): Promise<number | undefined> {
    const info = await stat(this.#path(digest)).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return undefined;
      throw storeFailure(`blob ${digest}`, cause);
    });
    return info?.size;
  }

  async read(digest: Digest, offset: number, length: number): Promise<Uint8Array> {
    const blob = this.#acquire(digest);
    try {
      const handle = await blob.handle;
      const bytes = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0)
          throw new StoreError("store_damaged", `blob ${digest}: ends before byte ${offset + length}`);
        done += bytesRead;
      }
      return bytes;
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
        throw new StoreError("blob_missing", `blob ${digest}: not in the store`, { cause });
      }
      throw storeFailure(`blob ${digest}`, cause);
    } finally {
      this.#release(blob);
    }
  }

  async writer({ maxBytes }: WriteLimits): Promise<BlobWriter> {
    const temporary = await openTemporary(this.#temporary).catch((cause: unknown) => {
      throw storeFailure("new blob", cause);
    });
    return new LocalWriter(temporary, maxBytes, (digest) => this.#path(digest));
  }

  /** Closes every file that is not being read. */
  close(): void {
    for (const [digest, blob] of this.#open) this.#evict(digest, blob);
  }

  #path(digest: Digest): string {
    return join(this.#blobs, digestHex(digest));
  }

  #acquire(digest: Digest): OpenBlob {
    let blob = this.#open.get(digest);
    if (blob) this.#open.delete(digest);
    else {
      const handle = open(this.#path(digest), "r");
      blob = { handle, readers: 0, evicted: false };
      handle.catch(() => this.#open.delete(digest));
    }
    this.#open.set(digest, blob);
    blob.readers++;
    if (this.#open.size > OPEN_FILES) {
      const [oldest, evicted] = this.#open.entries().next().value!;
      this.#evict(oldest, evicted);
    }
    return blob;
  }

  #evict(digest: Digest, blob: OpenBlob): void {
    this.#open.delete(digest);
    blob.evicted = true;
    if (blob.readers === 0) closeQuietly(blob);
  }

  #release(blob: OpenBlob): void {
    blob.readers--;
    if (blob.readers === 0 && blob.evicted) closeQuietly(blob);
  }
}

function closeQuietly(blob: OpenBlob): void {
  blob.handle.then((handle) => handle.close()).catch(() => undefined);
}

class LocalWriter implements BlobWriter {
  readonly #temporary: { readonly path: string; readonly file: FileHandle };
  readonly #maxBytes: number;
  readonly #target: (digest: Digest) => string;
  readonly #hash = new Sha256Stream();
  #size = 0;

  constructor(
    temporary: { readonly path: string; readonly file: FileHandle },
    maxBytes: number,
    target: (digest: Digest) => string,
  ) {
    this.#temporary = temporary;
    this.#maxBytes = maxBytes;
    this.#target = target;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#size + bytes.length > this.#maxBytes) {
      throw new StoreError("blob_too_large", `blob: more than the allowed ${this.#maxBytes} bytes`);
    }
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#temporary.file.write(bytes, done, bytes.length - done, this.#size + done)).bytesWritten;
      }
    } catch (cause) {
      throw storeFailure("new blob", cause);
    }
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }

  async commit(expected?: BlobRef): Promise<BlobRef> {
    const made: BlobRef = { digest: this.#hash.digest(), size: this.#size };
    if (expected && (expected.digest !== made.digest || expected.size !== made.size)) {
      await this.abort();
      throw new StoreError(
        "blob_mismatch",
        `blob: got ${made.size} bytes with ${made.digest}, expected ${expected.size} bytes with ${expected.digest}`,
      );
    }
    try {
      await publish(this.#temporary, this.#target(made.digest));
    } catch (cause) {
      await this.abort();
      throw storeFailure("new blob", cause);
    }
    return made;
  }

  abort(): Promise<void> {
    return discard(this.#temporary);
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
