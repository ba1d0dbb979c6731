import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { messageOf } from "../errors.ts";
import type { XzOptions, ZstdOptions } from "../formats/codec.ts";
import {
  CodecError,
  type CodecErrorCode,
  checkLzma1Options,
  checkXzOptions,
  checkZstdOptions,
  type Lzma1Options,
  type LzmaCodec,
  XZ_DECODER_MEMORY,
  ZSTD_WINDOW_LOG_MAX,
} from "./codec-limits.ts";

/** A coder of the addon; only the addon looks inside. */
type Coder = { readonly __brand: "Coder" };

interface Pushed {
  readonly output: Uint8Array;
  /** Bytes of the input that were used up; the rest is to be given again. */
  readonly consumed: number;
  /** The output took all the room there was, so there may be more without further input. */
  readonly full: boolean;
  readonly done: boolean;
}

interface Addon {
  readonly zstdVersion: string;
  readonly lzmaVersion: string;
  zstdEncoder(options: { level: number; checksum: boolean; threads: number; size?: number }): Coder;
  zstdDecoder(options: { windowLog: number }): Coder;
  xzEncoder(options: { preset: number; extreme: boolean; check: number; dictionary: number; threads: number }): Coder;
  xzDecoder(options: { memory: number }): Coder;
  lzma1Encoder(options: Lzma1Options): Coder;
  push(coder: Coder, input: Uint8Array, finish: boolean): Promise<Pushed>;
  encode(coder: Coder, input: Uint8Array): Promise<Uint8Array>;
  close(coder: Coder): void;
}

/** Where the build leaves the addon, relative to this file. */
const ADDON = new URL("../../build/Release/codec.node", import.meta.url);

/** Check ids of the .xz format (xz spec 1.1, 2.1.1.2). */
const CHECK_ID = { crc32: 1, crc64: 4 } as const;

const CODES: ReadonlySet<string> = new Set<CodecErrorCode>([
  "codec_options",
  "codec_damaged",
  "codec_truncated",
  "codec_limit",
  "codec_memory",
  "codec_failed",
]);

const { dlopen } = constants;

const NOTHING = new Uint8Array(0);

/** The addon's own error as ours; it names its codes without the prefix. */
function wrapped(cause: unknown): CodecError {
  const code = `codec_${(cause as { code?: unknown }).code}`;
  return new CodecError(CODES.has(code) ? (code as CodecErrorCode) : "codec_failed", messageOf(cause), { cause });
}

class NativeCodec implements LzmaCodec {
  readonly zstdId: string;
  readonly xzId: string;
  readonly #addon: Addon;

  constructor(addon: Addon) {
    this.#addon = addon;
    this.zstdId = `libzstd ${addon.zstdVersion} threaded`;
    this.xzId = `liblzma ${addon.lzmaVersion} threaded`;
  }

  async zstd(bytes: Uint8Array, options: ZstdOptions): Promise<Uint8Array> {
    return this.#whole(() => this.#zstdEncoder({ ...options, size: bytes.length }), bytes);
  }

  async xz(bytes: Uint8Array, options: XzOptions): Promise<Uint8Array> {
    return this.#whole(() => this.#xzEncoder(options), bytes);
  }

  async lzma1(bytes: Uint8Array, options: Lzma1Options): Promise<Uint8Array> {
    checkLzma1Options(options);
    return this.#whole(() => this.#addon.lzma1Encoder(options), bytes);
  }

  zstdStream(source: AsyncIterable<Uint8Array>, options: ZstdOptions & { readonly size?: number }) {
    return this.#stream(() => this.#zstdEncoder(options), source);
  }

  xzStream(source: AsyncIterable<Uint8Array>, options: XzOptions) {
    return this.#stream(() => this.#xzEncoder(options), source);
  }

  unzstd(source: AsyncIterable<Uint8Array>) {
    return this.#stream(() => this.#addon.zstdDecoder({ windowLog: ZSTD_WINDOW_LOG_MAX }), source);
  }

  unxz(source: AsyncIterable<Uint8Array>) {
    return this.#stream(() => this.#addon.xzDecoder({ memory: XZ_DECODER_MEMORY }), source);
  }

  /** At least one worker thread, always: frames made with and without workers differ, and threads must not change bytes. */
  #zstdEncoder(options: ZstdOptions & { readonly size?: number }): Coder {
    checkZstdOptions(options);
    return this.#addon.zstdEncoder({
      level: options.level,
      checksum: options.checksum ?? false,
      threads: Math.max(1, options.threads ?? 0),
      ...(options.size === undefined ? {} : { size: options.size }),
    });
  }

  #xzEncoder(options: XzOptions): Coder {
    checkXzOptions(options);
    return this.#addon.xzEncoder({
      preset: options.preset,
      extreme: options.extreme ?? false,
      check: CHECK_ID[options.check],
      dictionary: options.dictionary ?? 0,
      threads: Math.max(1, options.threads ?? 0),
    });
  }

  #create(create: () => Coder): Coder {
    try {
      return create();
    } catch (cause) {
      throw cause instanceof CodecError ? cause : wrapped(cause);
    }
  }

  async #whole(create: () => Coder, bytes: Uint8Array): Promise<Uint8Array> {
    const coder = this.#create(create);
    try {
      return await this.#addon.encode(coder, bytes);
    } catch (cause) {
      throw wrapped(cause);
    } finally {
      this.#addon.close(coder);
    }
  }

  async #push(coder: Coder, input: Uint8Array, finish: boolean): Promise<Pushed> {
    try {
      return await this.#addon.push(coder, input, finish);
    } catch (cause) {
      throw wrapped(cause);
    }
  }

  async *#stream(create: () => Coder, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const coder = this.#create(create);
    try {
      for await (const chunk of source) {
        for (let rest = chunk, more = chunk.length > 0; more; ) {
          const { output, consumed, full } = await this.#push(coder, rest, false);
          rest = rest.subarray(consumed);
          more = rest.length > 0 || full;
          if (output.length > 0) yield output;
        }
      }
      for (let ended = false; !ended; ) {
        const { output, done } = await this.#push(coder, NOTHING, true);
        ended = done;
        if (output.length > 0) yield output;
      }
    } finally {
      this.#addon.close(coder);
    }
  }
}

/**
 * Loads the addon so that it finds its own libraries first. Node's executable exports a libzstd of its own,
 * and by default some or all of the addon's calls would land there, in another version.
 */
function loadAddon(): Addon {
  const holder: { exports: unknown } = { exports: {} };
  process.dlopen(holder, fileURLToPath(ADDON), dlopen.RTLD_NOW | (dlopen.RTLD_DEEPBIND ?? 0));
  return holder.exports as Addon;
}

/**
 * The codec over the native addon: threaded, off the event loop, and the same bytes for any number of
 * threads and any cut of the input. Input handed in must not be transferred away while it is worked on.
 * Throws whatever loading the addon throws: it is not built, or a shared library is missing.
 */
export function createNativeCodec(): LzmaCodec {
  return new NativeCodec(loadAddon());
}
