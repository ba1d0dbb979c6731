import { KiB, MiB } from "../bytes/align.ts";
import { concatBytes } from "../bytes/text.ts";
import { FactoryError } from "../errors.ts";
import type { Codec, XzOptions, ZstdOptions } from "../formats/codec.ts";

export type CodecErrorCode =
  | "codec_options"
  | "codec_damaged"
  | "codec_truncated"
  | "codec_limit"
  | "codec_memory"
  | "codec_failed";

/** What both codecs throw: wrong options, damaged or truncated input, a decoder over its memory limit. */
export class CodecError extends FactoryError<CodecErrorCode> {}

/** Largest zstd window a decoder accepts, as a power of two: 128 MiB, which is also the Linux kernel's limit. */
export const ZSTD_WINDOW_LOG_MAX = 27;

/** Memory an xz decoder may use, in bytes. */
export const XZ_DECODER_MEMORY = 256 * MiB;

const THREADS_MAX = 256;
const DICTIONARY_MIN = 4 * KiB;
const DICTIONARY_MAX = 1024 * MiB;

/** Parameters of a raw LZMA1 stream, which has no header to carry them. */
export interface Lzma1Options {
  /** Literal context bits, literal position bits (together at most 4) and position bits (at most 4). */
  readonly lc: number;
  readonly lp: number;
  readonly pb: number;
  /** Dictionary size in bytes. */
  readonly dictionary: number;
}

/** A codec with the extra encoding boot loaders need. */
export interface LzmaCodec extends Codec {
  /** `bytes` as raw LZMA1 with an end marker behind the data; readers that know the size never look at the marker. */
  lzma1(bytes: Uint8Array, options: Lzma1Options): Promise<Uint8Array>;
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new CodecError("codec_options", `${name}: ${value} is not in ${min}..${max}`);
  }
}

/** Throws `codec_options` unless the options are what the port allows. */
export function checkZstdOptions(options: ZstdOptions & { readonly size?: number }): void {
  checkRange("zstd level", options.level, 1, 19);
  checkRange("zstd threads", options.threads ?? 0, 0, THREADS_MAX);
  checkRange("zstd size", options.size ?? 0, 0, Number.MAX_SAFE_INTEGER);
}

/** Throws `codec_options` unless the options are what the port allows. */
export function checkXzOptions(options: XzOptions): void {
  checkRange("xz preset", options.preset, 0, 9);
  checkRange("xz threads", options.threads ?? 0, 0, THREADS_MAX);
  if (options.dictionary !== undefined) {
    checkRange("xz dictionary", options.dictionary, DICTIONARY_MIN, DICTIONARY_MAX);
  }
}

/** Throws `codec_options` unless the options describe a legal LZMA1 stream. */
export function checkLzma1Options(options: Lzma1Options): void {
  checkRange("lzma1 lc", options.lc, 0, 4);
  checkRange("lzma1 lp", options.lp, 0, 4);
  checkRange("lzma1 lc + lp", options.lc + options.lp, 0, 4);
  checkRange("lzma1 pb", options.pb, 0, 4);
  checkRange("lzma1 dictionary", options.dictionary, DICTIONARY_MIN, DICTIONARY_MAX);
}

/** Everything a stream yields, as one array. For output that is bounded by an input held in memory already. */
export async function gathered(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return concatBytes(...pieces);
}
