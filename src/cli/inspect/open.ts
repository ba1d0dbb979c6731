/** What is looked into: a file, an address, or what was unpacked into a temporary file. */
import { mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GiB, KiB, MiB } from "../../bytes/align.ts";
import type { RandomAccess } from "../../bytes/random-access.ts";
import { messageOf } from "../../errors.ts";
import { CliError } from "../errors.ts";

const CHUNK_BYTES = MiB;
/** What is asked of a server at once, and how many of those are kept. */
const RANGE_BYTES = 256 * KiB;
const KEPT_RANGES = 128;
const MAX_IMAGE_BYTES = 1024 * GiB;
const MAX_DATA_BYTES = 32 * GiB;

/** An image by its path or its http address. Throws `file_unreadable`. */
export async function openImageFile(name: string, temporary: TemporaryFiles): Promise<RandomAccess> {
  try {
    return /^https?:\/\//i.test(name) ? await openUrl(new URL(name), temporary) : await openPath(name);
  } catch (cause) {
    throw new CliError("file_unreadable", `${name}: ${messageOf(cause)}`, { cause });
  }
}

async function openPath(path: string): Promise<RandomAccess> {
  const file = await open(path, "r");
  const stats = await file.stat();
  if (!stats.isFile()) throw new Error("is no file");
  return fileAccess(file, stats.size);
}

function fileAccess(file: FileHandle, size: number): RandomAccess {
  return {
    size,
    async read(offset, length) {
      const bytes = Buffer.alloc(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw new CliError("file_unreadable", `the file ends before byte ${offset + length}`);
        done += bytesRead;
      }
      return bytes;
    },
  };
}

async function openUrl(url: URL, temporary: TemporaryFiles): Promise<RandomAccess> {
  const first = await fetch(url, { headers: { range: "bytes=0-0", "accept-encoding": "identity" } });
  const total = /^bytes 0-0\/([0-9]{1,15})$/.exec(first.headers.get("content-range") ?? "")?.[1];
  if (first.status === 206 && total !== undefined) {
    await first.body?.cancel();
    return rangeAccess(url, Number(total), first.headers.get("etag"));
  }
  if (first.status !== 200 || !first.body) throw new Error(`answers with status ${first.status}`);
  return await temporary.keep(first.body);
}

/** Ranges of a resource that must stay the same one while it is read. */
function rangeAccess(url: URL, size: number, etag: string | null): RandomAccess {
  const kept = new Map<number, Promise<Uint8Array>>();
  const fetched = async (start: number): Promise<Uint8Array> => {
    const end = Math.min(start + RANGE_BYTES, size);
    const headers = { range: `bytes=${start}-${end - 1}`, "accept-encoding": "identity" };
    const answer = await fetch(url, { headers: etag === null ? headers : { ...headers, "if-match": etag } });
    const bytes = answer.status === 206 ? new Uint8Array(await answer.arrayBuffer()) : new Uint8Array();
    if (bytes.length === end - start) return bytes;
    throw new CliError(
      "file_unreadable",
      `${url.origin}${url.pathname}: bytes from ${start} on: status ${answer.status}`,
    );
  };
  const block = (start: number): Promise<Uint8Array> => {
    const known = kept.get(start);
    if (known) return known;
    if (kept.size >= KEPT_RANGES) kept.delete(kept.keys().next().value!);
    const asked = fetched(start);
    kept.set(start, asked);
    return asked;
  };
  return {
    size,
    async read(offset, length) {
      const out = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const inside = (offset + done) % RANGE_BYTES;
        const bytes = await block(offset + done - inside);
        const piece = bytes.subarray(inside, inside + length - done);
        out.set(piece, done);
        done += piece.length;
      }
      return out;
    },
  };
}

/** The bytes from `offset` on, in pieces. */
export async function* streamed(source: RandomAccess, offset = 0): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < source.size; at += CHUNK_BYTES) {
    yield await source.read(at, Math.min(CHUNK_BYTES, source.size - at));
  }
}

const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** Judged by the C library: a disk has gigabytes of them. */
function isZero(piece: Uint8Array): boolean {
  for (let at = 0; at < piece.length; at += CHUNK_BYTES) {
    const chunk = piece.subarray(at, at + CHUNK_BYTES);
    if (ZEROS.compare(chunk, 0, chunk.length, 0, chunk.length) !== 0) return false;
  }
  return true;
}

/** Files that are gone when the process ends, however it ends. */
export class TemporaryFiles implements AsyncDisposable {
  readonly #files: FileHandle[] = [];
  #folder: string | undefined;
  #dataBytes = 0;
  readonly #remove = (): void => {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  };

  /** Writes a stream into a file; pieces of zeros become holes. Throws `file_unreadable` for more than there may be. */
  async keep(pieces: AsyncIterable<Uint8Array>): Promise<RandomAccess> {
    const file = await open(this.#path(), "wx+");
    this.#files.push(file);
    let size = 0;
    for await (const piece of pieces) {
      if (!isZero(piece)) {
        this.#dataBytes += piece.length;
        if (this.#dataBytes <= MAX_DATA_BYTES) await file.write(piece, 0, piece.length, size);
      }
      size += piece.length;
      if (this.#dataBytes > MAX_DATA_BYTES || size > MAX_IMAGE_BYTES) {
        throw new CliError("file_unreadable", "unpacked it is too large");
      }
    }
    await file.truncate(size);
    return fileAccess(file, size);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files) await file.close();
    process.off("exit", this.#remove);
    this.#remove();
  }

  #path(): string {
    if (this.#folder === undefined) {
      this.#folder = mkdtempSync(join(tmpdir(), "inspect-"));
      process.once("exit", this.#remove);
    }
    return join(this.#folder, String(this.#files.length));
  }
}
