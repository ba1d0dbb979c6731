import type { ServerResponse } from "node:http";
import { MiB } from "../../bytes/align.ts";
import { type BlobFiller, fill, type Recipe } from "../../extents/index.ts";

/** Chunk size where few download: with 256 KiB buffers that are used again, bench/ measured half the CPU of fresh ones. */
const CHUNK_BYTES = MiB / 4;
/** Where many do, down to this: below it the cost of a chunk outweighs the memory. */
const MIN_CHUNK_BYTES = MiB / 64;
/** One buffer is read into while the others are on their way to the socket. */
const BUFFERS = 3;

/** Bytes of a recipe on their way to a client. */
export class Body {
  readonly #image: Recipe;
  readonly #blobs: BlobFiller;
  readonly #end: number;
  readonly #free: Uint8Array[];
  #at: number;
  #left = false;
  #wake: () => void = () => undefined;

  /** Bytes `start`..`end` of an image, in buffers of at most `memory` bytes together (more where that is very few). */
  constructor(
    image: Recipe,
    blobs: BlobFiller,
    range: { readonly start: number; readonly end: number },
    memory: number,
  ) {
    this.#image = image;
    this.#blobs = blobs;
    this.#at = range.start;
    this.#end = range.end;
    const wanted = Math.max(MIN_CHUNK_BYTES, Math.floor(memory / BUFFERS));
    const size = Math.min(CHUNK_BYTES, wanted, Math.max(1, range.end - range.start));
    // Outside the pool of small buffers: these live as long as the download.
    this.#free = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(size));
  }

  /** Reads the next chunk as soon as a buffer is free; undefined at the end and after `leave`. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#free.length === 0 && !this.#left) await this.#freed();
    if (this.#at >= this.#end || this.#left) return undefined;
    const chunk = this.#free.pop()!.subarray(0, this.#end - this.#at);
    await fill(this.#image, this.#blobs, this.#at, chunk);
    this.#at += chunk.length;
    return chunk;
  }

  /** Takes a chunk back; it must not be on its way anywhere any more. */
  release(chunk: Uint8Array): void {
    this.#free.push(new Uint8Array(chunk.buffer));
    this.#wake();
  }

  /** Nobody waits for the rest: the socket may never call back for what it holds. */
  leave(): void {
    this.#left = true;
    this.#wake();
  }

  #freed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/**
 * Writes `first` and the rest of the body and ends the answer, unless the client goes away before. A buffer is used
 * again only after the socket has called back for it. Throws what reading throws; the answer is then incomplete.
 */
export async function writeBody(raw: ServerResponse, body: Body, first: Uint8Array | undefined): Promise<void> {
  // The answer to a pipelined request may have no socket yet, and hears nothing when that one closes.
  const { socket } = raw.req;
  const leave = (): void => body.leave();
  socket.once("close", leave);
  try {
    for (let chunk = first; chunk !== undefined && !socket.destroyed; chunk = await body.next()) {
      const written = chunk;
      raw.write(written, () => body.release(written));
    }
    raw.end();
  } finally {
    socket.off("close", leave);
  }
}
