import {
  BLOCK_HEADER_BYTES,
  BLOCK_LAST,
  BLOCK_MAX_BYTES,
  BLOCK_SIZE_SHIFT,
  BLOCK_TYPE,
  BLOCK_TYPE_MASK,
  BLOCK_TYPE_SHIFT,
  CHECKSUM_BYTES,
  CONTENT_SIZE_2_BIAS,
  CONTENT_SIZE_BYTES,
  DESCRIPTOR,
  DICTIONARY_ID_BYTES,
  FRAME_MAGIC,
  MAGIC_BYTES,
  SKIPPABLE_MAGIC,
  SKIPPABLE_MAGIC_MASK,
  SKIPPABLE_SIZE_BYTES,
  WINDOW_EXPONENT_SHIFT,
  WINDOW_LOG_MIN,
  WINDOW_MANTISSA_MASK,
} from "./layout.ts";
import { ZstdError } from "./model.ts";

/** What a frame says about itself, all sizes in bytes. */
export type FrameInfo =
  | { readonly $case: "skippable"; readonly length: number }
  | {
      readonly $case: "frame";
      /** From the magic to the end of the last block or checksum. */
      readonly length: number;
      readonly windowSize: number;
      readonly contentSize: number | undefined;
      readonly singleSegment: boolean;
      readonly checksum: boolean;
      readonly blocks: number;
    };

type State =
  | "magic"
  | "skippable_size"
  | "descriptor"
  | "fields"
  | "block"
  | "body"
  | "skippable_body"
  | "tail"
  | "end";

const HEADER_MAX = 16;

/**
 * Finds where one frame ends without decoding it, from bytes that arrive in pieces of any size. It keeps
 * only a few header bytes. Throws `zstd_malformed` on a magic, header or block no decoder would take.
 */
export class FrameWalker {
  #state: State = "magic";
  /** Bytes of the current header that have arrived, and how many it takes. */
  readonly #header = new Uint8Array(HEADER_MAX);
  #have = 0;
  #need = MAGIC_BYTES;
  /** Bytes of a body still to be passed over. */
  #skip = 0;
  #length = 0;
  #descriptor = 0;
  #windowSize = 0;
  #contentSize: number | undefined;
  #blocks = 0;
  #last = false;
  #skippable = false;

  /** True from the first byte of the frame. */
  get started(): boolean {
    return this.#length > 0;
  }

  get ended(): boolean {
    return this.#state === "end";
  }

  /** True for a skippable frame; known once the first four bytes have arrived. */
  get skippable(): boolean {
    return this.#skippable;
  }

  /** True once enough has arrived to tell whether the frame is skippable. */
  get known(): boolean {
    return this.#state !== "magic";
  }

  /** Walks over `bytes` from `at` and gives how many of them belong to this frame. */
  push(bytes: Uint8Array, at = 0): number {
    const start = at;
    let next = at;
    while (this.#state !== "end" && (next < bytes.length || this.#isPassed())) {
      if (this.#inBody()) next += this.#pass(bytes.length - next);
      else next += this.#collect(bytes, next);
    }
    this.#length += next - start;
    return next - start;
  }

  /** What the frame said. Throws `zstd_truncated` before its end. */
  info(): FrameInfo {
    if (!this.ended) throw new ZstdError("zstd_truncated", `zstd frame: ends after ${this.#length} bytes`);
    if (this.#skippable) return { $case: "skippable", length: this.#length };
    return {
      $case: "frame",
      length: this.#length,
      windowSize: this.#windowSize,
      contentSize: this.#contentSize,
      singleSegment: (this.#descriptor & DESCRIPTOR.singleSegment) !== 0,
      checksum: (this.#descriptor & DESCRIPTOR.checksum) !== 0,
      blocks: this.#blocks,
    };
  }

  #inBody(): boolean {
    return this.#state === "body" || this.#state === "skippable_body" || this.#state === "tail";
  }

  /** A body that needs no further byte. */
  #isPassed(): boolean {
    return this.#inBody() && this.#skip === 0;
  }

  #pass(available: number): number {
    const step = Math.min(available, this.#skip);
    this.#skip -= step;
    if (this.#skip === 0) this.#afterBody();
    return step;
  }

  #afterBody(): void {
    if (this.#state !== "body") this.#state = "end";
    else if (!this.#last) this.#expect("block", BLOCK_HEADER_BYTES);
    else {
      this.#skip = this.#descriptor & DESCRIPTOR.checksum ? CHECKSUM_BYTES : 0;
      this.#state = "tail";
    }
  }

  #expect(state: State, need: number): void {
    this.#state = state;
    this.#have = 0;
    this.#need = need;
  }

  #collect(bytes: Uint8Array, at: number): number {
    const step = Math.min(bytes.length - at, this.#need - this.#have);
    this.#header.set(bytes.subarray(at, at + step), this.#have);
    this.#have += step;
    if (this.#have === this.#need) this.#parse();
    return step;
  }

  #parse(): void {
    switch (this.#state) {
      case "magic":
        this.#parseMagic(this.#number(0, MAGIC_BYTES));
        break;
      case "skippable_size":
        this.#skip = this.#number(0, SKIPPABLE_SIZE_BYTES);
        this.#state = "skippable_body";
        break;
      case "descriptor":
        this.#parseDescriptor(this.#header[0]!);
        break;
      case "fields":
        this.#parseFields();
        this.#expect("block", BLOCK_HEADER_BYTES);
        break;
      default:
        this.#parseBlock(this.#number(0, BLOCK_HEADER_BYTES));
    }
  }

  #parseMagic(magic: number): void {
    this.#skippable = (magic & SKIPPABLE_MAGIC_MASK) >>> 0 === SKIPPABLE_MAGIC;
    if (this.#skippable) this.#expect("skippable_size", SKIPPABLE_SIZE_BYTES);
    else if (magic === FRAME_MAGIC) this.#expect("descriptor", 1);
    else throw new ZstdError("zstd_malformed", `zstd frame: magic 0x${magic.toString(16)} is not a frame's`);
  }

  #parseDescriptor(descriptor: number): void {
    if (descriptor & DESCRIPTOR.reserved) {
      throw new ZstdError("zstd_malformed", "zstd frame: reserved bit of the header is set");
    }
    this.#descriptor = descriptor;
    const { window, dictionary, contentSize } = this.#fieldWidths();
    this.#expect("fields", window + dictionary + contentSize);
  }

  #fieldWidths(): { window: number; dictionary: number; contentSize: number } {
    const single = (this.#descriptor & DESCRIPTOR.singleSegment) !== 0;
    const flag = this.#descriptor >>> DESCRIPTOR.contentSizeShift;
    return {
      window: single ? 0 : 1,
      dictionary: DICTIONARY_ID_BYTES[this.#descriptor & DESCRIPTOR.dictionaryMask]!,
      contentSize: single && flag === 0 ? 1 : CONTENT_SIZE_BYTES[flag]!,
    };
  }

  #parseFields(): void {
    const { window, dictionary, contentSize } = this.#fieldWidths();
    if (contentSize > 0) {
      const value = this.#number(window + dictionary, contentSize);
      this.#contentSize = contentSize === 2 ? value + CONTENT_SIZE_2_BIAS : value;
    }
    if (window === 0) this.#windowSize = this.#contentSize!;
    else {
      const descriptor = this.#header[0]!;
      const base = 2 ** (WINDOW_LOG_MIN + (descriptor >>> WINDOW_EXPONENT_SHIFT));
      this.#windowSize = base + (base / 8) * (descriptor & WINDOW_MANTISSA_MASK);
    }
  }

  #parseBlock(header: number): void {
    const type = (header >>> BLOCK_TYPE_SHIFT) & BLOCK_TYPE_MASK;
    const size = header >>> BLOCK_SIZE_SHIFT;
    if (type === BLOCK_TYPE.reserved) throw new ZstdError("zstd_malformed", "zstd frame: block of the reserved type");
    const max = Math.min(this.#windowSize, BLOCK_MAX_BYTES);
    if (size > max) {
      throw new ZstdError("zstd_malformed", `zstd frame: block of ${size} bytes, at most ${max} are legal`);
    }
    this.#blocks++;
    this.#last = (header & BLOCK_LAST) !== 0;
    this.#skip = type === BLOCK_TYPE.rle ? 1 : size;
    this.#state = "body";
  }

  /** `width` collected bytes from `at` as a little-endian number. */
  #number(at: number, width: number): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.#header[at + i]!;
    if (!Number.isSafeInteger(value)) {
      throw new ZstdError("zstd_malformed", "zstd frame: content size is beyond 2^53 bytes");
    }
    return value;
  }
}

/**
 * What the frame that starts at `at` says about itself. Throws `zstd_malformed` when no frame starts there,
 * `zstd_truncated` when it ends beyond the bytes.
 */
export function inspectFrame(bytes: Uint8Array, at = 0): FrameInfo {
  const walker = new FrameWalker();
  walker.push(bytes, at);
  return walker.info();
}

/** Length in bytes of the frame (plain or skippable) that starts at `at`. Throws like `inspectFrame`. */
export function frameLength(bytes: Uint8Array, at = 0): number {
  return inspectFrame(bytes, at).length;
}
