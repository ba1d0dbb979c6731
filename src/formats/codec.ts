/**
 * What transform encoders need of a compressor. `formats` never imports one: the native addon and its
 * JavaScript fallback both implement this port (`workers/codec.ts`), and one contract suite judges both.
 */
export interface Codec {
  /**
   * Name and version of what does the work, for example `libzstd 1.5.4`. Part of every derivation's
   * description, because two codecs give two byte strings.
   */
  readonly zstdId: string;
  readonly xzId: string;

  /** `bytes` as one complete zstd frame with content size and, when asked for, checksum. */
  zstd(bytes: Uint8Array, options: ZstdOptions): Promise<Uint8Array>;
  /** `bytes` as one complete .xz stream. */
  xz(bytes: Uint8Array, options: XzOptions): Promise<Uint8Array>;
  /** A whole stream as one zstd frame, without content size unless `options.size` names it. */
  zstdStream(
    source: AsyncIterable<Uint8Array>,
    options: ZstdOptions & { readonly size?: number },
  ): AsyncIterable<Uint8Array>;
  /** A whole stream as one .xz stream. */
  xzStream(source: AsyncIterable<Uint8Array>, options: XzOptions): AsyncIterable<Uint8Array>;
  /** Decodes any number of concatenated zstd frames, skippable ones included. Throws on damage and on a truncated end. */
  unzstd(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Decodes any number of concatenated .xz streams with stream padding. Throws on damage and on a truncated end. */
  unxz(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

export interface ZstdOptions {
  /** 1 to 19. */
  readonly level: number;
  /** Append the XXH64 content checksum; default false. */
  readonly checksum?: boolean;
  /** Worker threads inside the codec where it has any; default 0 (the calling job's one thread). */
  readonly threads?: number;
}

export interface XzOptions {
  /** 0 to 9. */
  readonly preset: number;
  readonly extreme?: boolean;
  readonly check: "crc32" | "crc64";
  /** Dictionary size in bytes; default the preset's. */
  readonly dictionary?: number;
  readonly threads?: number;
}
