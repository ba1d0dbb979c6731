import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { messageOf } from "../errors.ts";
import type { Codec } from "../formats/codec.ts";
import type { LayerCompression } from "../formats/oci/index.ts";
import { SourceError } from "./errors.ts";

/** The decoders a layer may need; gzip comes with Node. */
export type LayerCodec = Pick<Codec, "unzstd">;

const GUNZIP_CHUNK = 256 * 1024;

/**
 * A stream that a decoder may give up early and that is read to its end all the same: only then is the digest at
 * its end checked. It remembers its own failure, so that it is not mistaken for one of the decoder.
 */
class Drainable {
  readonly #iterator: AsyncIterator<Uint8Array>;
  failure: { readonly cause: unknown } | undefined;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#iterator.next();
    } catch (cause) {
      this.failure = { cause };
      throw cause;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let step = await this.#next(); !step.done; step = await this.#next()) yield step.value;
  }

  async drain(): Promise<void> {
    while (!(await this.#next()).done);
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const engine = createGunzip({ chunkSize: GUNZIP_CHUNK });
  // Failures of either side reach the reader below through the engine; the callback only keeps them from being unhandled.
  pipeline(Readable.from(source, { highWaterMark: 1 }), engine, () => undefined);
  try {
    for await (const chunk of engine) yield chunk as Uint8Array;
  } finally {
    engine.destroy();
  }
}

function decoder(
  source: AsyncIterable<Uint8Array>,
  compression: LayerCompression,
  codec: LayerCodec,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "none":
      return source;
    case "gzip":
      return gunzip(source);
    case "zstd":
      return codec.unzstd(source);
  }
}

/**
 * The plain bytes of a layer. The iteration ends only after `source` was read to its end, bytes behind the
 * compressed stream included. Throws `malformed` on damage; errors of `source` pass through.
 */
export async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  compression: LayerCompression,
  codec: LayerCodec,
): AsyncGenerator<Uint8Array> {
  const input = new Drainable(source);
  try {
    yield* decoder(input, compression, codec);
    await input.drain();
  } catch (cause) {
    if (input.failure) throw input.failure.cause;
    throw cause instanceof SourceError
      ? cause
      : new SourceError("malformed", `layer: ${compression} data is damaged: ${messageOf(cause)}`, { cause });
  } finally {
    await input.close();
  }
}
