import type { Duplex } from "node:stream";

/** Longest piece of output, in bytes. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Runs `source` through a transform stream, one write at a time: the next chunk is asked for only when the
 * last was worked up and its output taken. `end` comes after the last write has returned, because zstd
 * streams of Node append an empty frame when writes are still queued then (nodejs/node #66078), and
 * `stream.pipeline` is not used because lzma-native never completes it.
 */
export async function* streamed(
  transform: Duplex,
  source: AsyncIterable<Uint8Array>,
  fail: (cause: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  const state = new Watch(transform);
  try {
    for await (const chunk of source) {
      if (chunk.length === 0) continue;
      let written = false;
      transform.write(chunk, () => {
        written = true;
        state.wake();
      });
      yield* state.take(() => written, fail);
    }
    transform.end();
    yield* state.take(() => state.ended, fail);
  } finally {
    transform.destroy();
  }
}

/** What has happened to a stream, and a way to wait for the next thing to happen. */
class Watch {
  ended = false;
  readonly #transform: Duplex;
  #failure: { readonly cause: unknown } | undefined;
  #signal = Promise.withResolvers<void>();

  constructor(transform: Duplex) {
    this.#transform = transform;
    transform.on("readable", () => this.wake());
    transform.on("end", () => {
      this.ended = true;
      this.wake();
    });
    transform.on("error", (cause) => {
      this.#failure ??= { cause };
      this.wake();
    });
  }

  wake(): void {
    this.#signal.resolve();
  }

  /** Yields output until `enough`. Throws what `fail` makes of the stream's error. */
  async *take(enough: () => boolean, fail: (cause: unknown) => Error): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.#signal = Promise.withResolvers();
      for (let piece = this.#read(); piece !== null; piece = this.#read()) yield piece;
      if (this.#failure) throw fail(this.#failure.cause);
      if (enough()) return;
      await this.#signal.promise;
    }
  }

  #read(): Uint8Array | null {
    const length = Math.min(this.#transform.readableLength, PIECE_BYTES);
    return this.#transform.read(length === 0 ? undefined : length) as Uint8Array | null;
  }
}
