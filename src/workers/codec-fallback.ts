import type { Duplex } from "node:stream";
import { promisify } from "node:util";
import {
  constants,
  createZstdCompress,
  createZstdDecompress,
  type ZstdOptions as ZlibOptions,
  zstdCompress,
} from "node:zlib";
import { messageOf } from "../errors.ts";
import type { XzOptions, ZstdOptions } from "../formats/codec.ts";
import { FrameWalker } from "../formats/zstd/index.ts";
import {
  CodecError,
  type CodecErrorCode,
  checkLzma1Options,
  checkXzOptions,
  checkZstdOptions,
  gathered,
  type Lzma1Options,
  type LzmaCodec,
  XZ_DECODER_MEMORY,
  ZSTD_WINDOW_LOG_MAX,
} from "./codec-limits.ts";
import { type Lzma, loadLzma, lzmaPreset } from "./lzma-native.ts";
import { streamed } from "./streamed.ts";

/** Output is asked of zlib in pieces of this many bytes. */
const CHUNK_BYTES = 256 * 1024;

/**
 * The xz decoder hands over all that one write decodes to, however much that is. LZMA packs at most some
 * 7000 to 1, so writes of this many bytes keep a hostile stream below 32 MiB at a time.
 */
const UNXZ_WRITE_BYTES = 4 * 1024;

const compress = promisify(zstdCompress);

function zlibOptions(options: ZstdOptions & { readonly size?: number }): ZlibOptions {
  // ZSTD_c_nbWorkers must stay unset: with it Node loses data (nodejs/node #59899, dependencies.md 2).
  return {
    chunkSize: CHUNK_BYTES,
    params: {
      [constants.ZSTD_c_compressionLevel]: options.level,
      [constants.ZSTD_c_checksumFlag]: options.checksum ? 1 : 0,
    },
    ...(options.size === undefined ? {} : { pledgedSrcSize: options.size }),
  };
}

/** An error of node:zlib or lzma-native as ours. */
function wrapped(what: string, codes: ReadonlyMap<unknown, CodecErrorCode>, cause: unknown): CodecError {
  const code = codes.get((cause as { code?: unknown }).code) ?? "codec_damaged";
  const text = code === "codec_truncated" ? "input ends early" : messageOf(cause).toLowerCase();
  return new CodecError(code, `${what}: ${text}`, { cause });
}

const ZSTD_CODES: ReadonlyMap<unknown, CodecErrorCode> = new Map([
  ["ZSTD_error_frameParameter_windowTooLarge", "codec_limit"],
  ["ZSTD_error_memory_allocation", "codec_memory"],
  ["ZSTD_error_srcSize_wrong", "codec_options"],
]);

/** lzma_ret values of liblzma's base.h. Options an encoder does not know are the caller's, a decoder's are damage. */
const UNXZ_CODES: ReadonlyMap<unknown, CodecErrorCode> = new Map([
  [5, "codec_memory"],
  [6, "codec_limit"],
  [10, "codec_truncated"],
]);
const XZ_CODES: ReadonlyMap<unknown, CodecErrorCode> = new Map([
  ...UNXZ_CODES,
  [3, "codec_options"],
  [8, "codec_options"],
]);

class FallbackCodec implements LzmaCodec {
  readonly zstdId: string;
  readonly xzId: string;
  readonly #lzma: Lzma;

  constructor(lzma: Lzma) {
    this.#lzma = lzma;
    this.zstdId = `node:zlib libzstd ${process.versions.zstd}`;
    this.xzId = `lzma-native ${lzma.version} liblzma ${lzma.versionString()}`;
  }

  async zstd(bytes: Uint8Array, options: ZstdOptions): Promise<Uint8Array> {
    checkZstdOptions(options);
    return compress(bytes, zlibOptions({ ...options, size: bytes.length }));
  }

  async *zstdStream(source: AsyncIterable<Uint8Array>, options: ZstdOptions & { readonly size?: number }) {
    checkZstdOptions(options);
    const fail = (cause: unknown): CodecError => wrapped("zstd encoder", ZSTD_CODES, cause);
    yield* streamed(createZstdCompress(zlibOptions(options)), source, fail);
  }

  /** Frame by frame, because Node 24 stops after the first one without a word (dependencies.md 2). */
  async *unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const frames = new FrameSource(source);
    while (await frames.next()) {
      const fail = (cause: unknown): CodecError => wrapped("zstd decoder", ZSTD_CODES, cause);
      if (frames.skippable) for await (const _ of frames.bytes());
      else yield* streamed(createUnzstd(), frames.bytes(), fail);
    }
  }

  async xz(bytes: Uint8Array, options: XzOptions): Promise<Uint8Array> {
    return gathered(this.xzStream(once(bytes), options));
  }

  async *xzStream(source: AsyncIterable<Uint8Array>, options: XzOptions): AsyncGenerator<Uint8Array> {
    checkXzOptions(options);
    const lzma = this.#lzma;
    const parameters = lzmaPreset(options.preset, options.extreme ?? false);
    const dictSize = options.dictionary ?? parameters.dictSize;
    const encoder = lzma.createStream("streamEncoder", {
      filters: [{ id: lzma.FILTER_LZMA2, options: { ...parameters, dictSize } }],
      check: options.check === "crc32" ? lzma.CHECK_CRC32 : lzma.CHECK_CRC64,
      threads: Math.max(1, options.threads ?? 0),
      blockSize: 0,
      timeout: 0,
    });
    const fail = (cause: unknown): CodecError => wrapped("xz encoder", XZ_CODES, cause);
    yield* streamed(encoder, source, fail);
  }

  async *unxz(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const lzma = this.#lzma;
    const flags = lzma.CONCATENATED | lzma.TELL_UNSUPPORTED_CHECK;
    const decoder = lzma.createStream("streamDecoder", { memlimit: XZ_DECODER_MEMORY, flags });
    const fail = (cause: unknown): CodecError => wrapped("xz decoder", UNXZ_CODES, cause);
    yield* streamed(decoder, cut(source, UNXZ_WRITE_BYTES), fail);
  }

  async lzma1(bytes: Uint8Array, options: Lzma1Options): Promise<Uint8Array> {
    checkLzma1Options(options);
    const { lc, lp, pb, dictionary: dictSize } = options;
    const parameters = { ...lzmaPreset(6, false), lc, lp, pb, dictSize };
    const filters = [{ id: this.#lzma.FILTER_LZMA1, options: parameters }];
    const encoder = this.#lzma.createStream("rawEncoder", { filters });
    const fail = (cause: unknown): CodecError => wrapped("lzma1 encoder", XZ_CODES, cause);
    return gathered(streamed(encoder, once(bytes), fail));
  }
}

function createUnzstd(): Duplex {
  return createZstdDecompress({
    chunkSize: CHUNK_BYTES,
    params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* cut(source: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += length) yield chunk.subarray(at, at + length);
  }
}

/** A stream of concatenated zstd frames, given out one frame at a time. */
class FrameSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  /** Leading bytes of the current frame that were needed to tell its kind. */
  #head: Uint8Array[] = [];
  #walker = new FrameWalker();
  #any = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  get skippable(): boolean {
    return this.#walker.skippable;
  }

  /** Moves to the next frame; false at a clean end of the source. */
  async next(): Promise<boolean> {
    this.#walker = new FrameWalker();
    this.#head = [];
    while (!this.#walker.known) {
      if (this.#chunk.length === 0 && !(await this.#refill())) return this.#finish();
      this.#head.push(this.#walk());
    }
    this.#any = true;
    return true;
  }

  /** The bytes of the current frame. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    yield* this.#head;
    while (!this.#walker.ended) {
      if (this.#chunk.length === 0 && !(await this.#refill())) throw truncated("input ends inside a frame");
      const part = this.#walk();
      if (part.length > 0) yield part;
    }
  }

  #finish(): boolean {
    if (this.#walker.started) throw truncated("input ends inside a frame");
    if (!this.#any) throw truncated("no frame at all");
    return false;
  }

  async #refill(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (!done) this.#chunk = value;
    return !done;
  }

  /** Walks over the present chunk and gives the part of it that belongs to the frame. */
  #walk(): Uint8Array {
    try {
      const part = this.#chunk.subarray(0, this.#walker.push(this.#chunk));
      this.#chunk = this.#chunk.subarray(part.length);
      return part;
    } catch (cause) {
      throw new CodecError("codec_damaged", `zstd decoder: ${messageOf(cause)}`, { cause });
    }
  }
}

function truncated(reason: string): CodecError {
  return new CodecError("codec_truncated", `zstd decoder: ${reason}`);
}

/**
 * The codec without the native addon: node:zlib for zstd, on one thread, and lzma-native for xz. Same
 * behaviour as the native one, other bytes, slower. `threads` is ignored for zstd. A worker thread must not be
 * terminated while it works on xz: lzma-native aborts the whole process then.
 */
export function createFallbackCodec(): LzmaCodec {
  return new FallbackCodec(loadLzma());
}
