import { type Struct, struct, u8, u16le, u32le, u64le } from "../../bytes/struct.ts";
import { type Extent, extentLength, extentsIn, type Recipe, recipe } from "../../extents/index.ts";
import {
  BLOCK_HEADER_BYTES,
  BLOCK_LAST,
  BLOCK_MAX_BYTES,
  BLOCK_SIZE_SHIFT,
  BLOCK_TYPE,
  BLOCK_TYPE_SHIFT,
  CONTENT_SIZE_2_BIAS,
  DESCRIPTOR,
  FRAME_MAGIC,
  WINDOW_EXPONENT_SHIFT,
  WINDOW_LOG_MIN,
} from "./layout.ts";

/** 128 KiB, one block: a decoder never has to hold more of a stored frame. */
const WINDOW_LOG = 17;
const WINDOW_DESCRIPTOR = (WINDOW_LOG - WINDOW_LOG_MIN) << WINDOW_EXPONENT_SHIFT;

/**
 * Zeros shorter than this stay inside a raw block: on their own they would take an RLE block and, after it,
 * the header of another raw block, and every block costs a decoder a step.
 */
const RLE_MIN_BYTES = 64;

const RLE_BLOCK_BYTES = BLOCK_HEADER_BYTES + 1;

export interface StoredOptions {
  /** Whether the frame header names the content size; default true. */
  readonly contentSize?: boolean;
}

/** A run of the content that becomes blocks of one kind; lengths in bytes. */
type Run = { readonly $case: "raw" | "zeros"; readonly offset: number; readonly length: number };

const prefix = { magic: u32le, descriptor: u8, window: u8 };
const WITHOUT_SIZE = struct({ name: "zstd frame header", size: 6 }, prefix);

/** Headers by width of the content size, narrowest first, with the descriptor flag and the sizes it can say. */
const SIZED: readonly {
  readonly flag: number;
  readonly bias: number;
  readonly max: number;
  readonly layout: Struct<typeof prefix & { contentSize: typeof u32le }>;
}[] = [
  {
    flag: 1,
    bias: CONTENT_SIZE_2_BIAS,
    max: 0xffff + CONTENT_SIZE_2_BIAS,
    layout: struct({ name: "zstd frame header", size: 8 }, { ...prefix, contentSize: u16le }),
  },
  {
    flag: 2,
    bias: 0,
    max: 0xffffffff,
    layout: struct({ name: "zstd frame header", size: 10 }, { ...prefix, contentSize: u32le }),
  },
  {
    flag: 3,
    bias: 0,
    max: Number.MAX_SAFE_INTEGER,
    layout: struct({ name: "zstd frame header", size: 14 }, { ...prefix, contentSize: u64le }),
  },
];

function frameHeader(size: number, withSize: boolean): Uint8Array {
  const common = { magic: FRAME_MAGIC, window: WINDOW_DESCRIPTOR };
  if (!withSize) return WITHOUT_SIZE.encode({ ...common, descriptor: 0 });
  const { flag, bias, layout } = SIZED.find((form) => size >= form.bias && size <= form.max)!;
  return layout.encode({ ...common, descriptor: flag << DESCRIPTOR.contentSizeShift, contentSize: size - bias });
}

function putBlockHeader(into: Uint8Array, at: number, type: number, size: number, last: boolean): void {
  const header = (last ? BLOCK_LAST : 0) | (type << BLOCK_TYPE_SHIFT) | (size << BLOCK_SIZE_SHIFT);
  for (let i = 0; i < BLOCK_HEADER_BYTES; i++) into[at + i] = (header >>> (8 * i)) & 0xff;
}

function blockHeader(type: number, size: number, last: boolean): Uint8Array {
  const header = new Uint8Array(BLOCK_HEADER_BYTES);
  putBlockHeader(header, 0, type, size, last);
  return header;
}

/** All RLE blocks of a run as one array: 4 bytes for every 128 KiB of zeros. */
function rleBlocks(length: number, last: boolean): Uint8Array {
  const count = Math.ceil(length / BLOCK_MAX_BYTES);
  const out = new Uint8Array(count * RLE_BLOCK_BYTES);
  for (let i = 0, rest = length; i < count; i++, rest -= BLOCK_MAX_BYTES) {
    const size = Math.min(rest, BLOCK_MAX_BYTES);
    putBlockHeader(out, i * RLE_BLOCK_BYTES, BLOCK_TYPE.rle, size, last && i === count - 1);
  }
  return out;
}

function* rawBlocks(content: Recipe, run: Run, last: boolean): Generator<Extent> {
  const end = run.offset + run.length;
  for (let at = run.offset; at < end; at += BLOCK_MAX_BYTES) {
    const size = Math.min(end - at, BLOCK_MAX_BYTES);
    yield { $case: "inline", bytes: blockHeader(BLOCK_TYPE.raw, size, last && at + size === end) };
    yield* extentsIn(content, at, size);
  }
}

/** Cuts the content into runs of zeros and of anything else; short zeros count as anything else. */
function runsOf(content: Recipe): Run[] {
  const runs: Run[] = [];
  for (const [i, extent] of content.extents.entries()) {
    const length = extentLength(extent);
    const $case = extent.$case === "zeros" && length >= RLE_MIN_BYTES ? "zeros" : "raw";
    const before = runs.at(-1);
    if (before?.$case === "raw" && $case === "raw") {
      runs[runs.length - 1] = { ...before, length: before.length + length };
    } else runs.push({ $case, offset: content.starts[i]!, length });
  }
  return runs;
}

function* frame(content: Recipe, withSize: boolean): Generator<Extent> {
  yield { $case: "inline", bytes: frameHeader(content.size, withSize) };
  const runs = runsOf(content);
  if (runs.length === 0) yield { $case: "inline", bytes: blockHeader(BLOCK_TYPE.raw, 0, true) };
  for (const [i, run] of runs.entries()) {
    const last = i === runs.length - 1;
    if (run.$case === "zeros") yield { $case: "inline", bytes: rleBlocks(run.length, last) };
    else yield* rawBlocks(content, run, last);
  }
}

/**
 * The content as one zstd frame that compresses nothing but zeros: bytes stay extents inside raw blocks and
 * are never read, zeros become RLE blocks. Content of any size up to 2^53 bytes; RFC 8878 3.1.1.
 */
export function zstdStored(content: Recipe, options: StoredOptions = {}): Recipe {
  return recipe(frame(content, options.contentSize ?? true));
}
