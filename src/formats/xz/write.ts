import { alignUp } from "../../bytes/align.ts";
import { crc32 } from "../../bytes/crc32.ts";
import { u32le } from "../../bytes/struct.ts";
import { concatBytes } from "../../bytes/text.ts";
import { type Extent, extentLength, extentsIn, type Recipe, recipe, slice } from "../../extents/index.ts";
import {
  ALIGNMENT,
  BLOCK_FLAGS,
  CHECK_BYTES,
  CHECK_CRC32,
  CONTROL,
  FOOTER_BODY,
  INDEX_INDICATOR,
  LZMA2_DICTIONARY_64K,
  LZMA2_FILTER,
  LZMA2_PROPERTIES_BYTES,
  RAW_CHUNK,
  RAW_CHUNK_MAX,
  STREAM_FLAGS,
  STREAM_FOOTER,
  STREAM_HEADER,
} from "./layout.ts";
import { type XzBlock, XzError, xzBlocks } from "./model.ts";
import { ZeroChunks } from "./zeros.ts";

/** Shorter runs of zeros stay in uncompressed chunks: an LZMA chunk of zeros takes some 20 bytes and a state reset. */
const ZEROS_MIN_BYTES = 256;

/** What the index keeps of a block: its size without padding and the size of its content [4.3]. */
interface IndexRecord {
  readonly unpaddedSize: number;
  readonly contentSize: number;
}

function uint32(value: number): Uint8Array {
  const out = new Uint8Array(u32le.size);
  u32le.write(new DataView(out.buffer), 0, value);
  return out;
}

/** A variable-length integer: seven bits a byte, lowest first, the high bit on all but the last [1.2]. */
function vli(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
  out.push(rest);
  return Uint8Array.from(out);
}

/** Bytes, zeros up to the alignment, and the CRC32 of both; as the block header and the index end. */
function sealed(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(alignUp(bytes.length, ALIGNMENT));
  padded.set(bytes);
  return concatBytes(padded, uint32(crc32(padded)));
}

/** [3.1] The first byte counts the whole header in units of four, less one. */
function blockHeader(packedSize: number, contentSize: number): Uint8Array {
  const filter = concatBytes(vli(LZMA2_FILTER), vli(LZMA2_PROPERTIES_BYTES), Uint8Array.of(LZMA2_DICTIONARY_64K));
  const body = concatBytes(Uint8Array.of(0, BLOCK_FLAGS), vli(packedSize), vli(contentSize), filter);
  body[0] = (alignUp(body.length, ALIGNMENT) + CHECK_BYTES) / ALIGNMENT - 1;
  return sealed(body);
}

function* rawChunks(run: Recipe, first: boolean): Generator<Extent> {
  for (let at = 0; at < run.size; at += RAW_CHUNK_MAX) {
    const size = Math.min(RAW_CHUNK_MAX, run.size - at);
    const control = first && at === 0 ? CONTROL.rawDictionaryReset : CONTROL.raw;
    yield { $case: "inline", bytes: RAW_CHUNK.encode({ control, sizeMinus1: size - 1 }) };
    yield* extentsIn(run, at, size);
  }
}

/** The content of one block as LZMA2 chunks, closed by the end marker. */
function lzma2(content: Recipe, zeroChunks: ZeroChunks): Recipe {
  const out: Extent[] = [];
  let raw: Extent[] = [];
  const flush = (): void => {
    out.push(...rawChunks(recipe(raw), out.length === 0));
    raw = [];
  };
  for (const extent of content.extents) {
    if (extent.$case !== "zeros" || extentLength(extent) < ZEROS_MIN_BYTES) {
      raw.push(extent);
      continue;
    }
    flush();
    out.push({ $case: "inline", bytes: zeroChunks.of(extent.length, out.length === 0) });
  }
  flush();
  out.push({ $case: "inline", bytes: Uint8Array.of(CONTROL.end) });
  return recipe(out);
}

function index(records: readonly IndexRecord[]): Uint8Array {
  const fields = records.flatMap((record) => [vli(record.unpaddedSize), vli(record.contentSize)]);
  return sealed(concatBytes(Uint8Array.of(INDEX_INDICATOR), vli(records.length), ...fields));
}

function streamHeader(): Uint8Array {
  const flags = { check: CHECK_CRC32 };
  return STREAM_HEADER.encode({ flags, flagsCrc: crc32(STREAM_FLAGS.encode(flags)) });
}

function streamFooter(indexBytes: number): Uint8Array {
  const body = FOOTER_BODY.encode({ backwardSize: indexBytes / ALIGNMENT - 1, flags: { check: CHECK_CRC32 } });
  return STREAM_FOOTER.encode({ crc: crc32(body), body });
}

function checkOf(block: XzBlock, given: number | undefined, at: number): number {
  const check = block.check ?? given;
  if (check === undefined)
    throw new XzError("xz_checks", `blockChecks[${at}]: the block has bytes, but no CRC32 is given`);
  return check;
}

/**
 * The content as one .xz stream that compresses nothing but zeros: bytes stay extents inside uncompressed
 * LZMA2 chunks and are never read. So their CRC32s must be given: `blockChecks[i]` for block i of
 * `xzBlocks(content)`, ignored where that knows the check itself. Throws `xz_checks` when one is missing or
 * the list is longer than the blocks. xz spec 1.1.0.
 */
export function xzStored(content: Recipe, blockChecks: readonly (number | undefined)[]): Recipe {
  const blocks = xzBlocks(content);
  if (blockChecks.length > blocks.length) {
    throw new XzError("xz_checks", `blockChecks: ${blockChecks.length} are given for ${blocks.length} blocks`);
  }
  const zeroChunks = new ZeroChunks();
  const out: Extent[] = [{ $case: "inline", bytes: streamHeader() }];
  const records: IndexRecord[] = [];
  for (const [i, block] of blocks.entries()) {
    const packed = lzma2(slice(content, block.offset, block.length), zeroChunks);
    const header = blockHeader(packed.size, block.length);
    const padding = alignUp(packed.size, ALIGNMENT) - packed.size;
    const check = uint32(checkOf(block, blockChecks[i], i));
    out.push({ $case: "inline", bytes: header }, ...packed.extents);
    out.push({ $case: "inline", bytes: concatBytes(new Uint8Array(padding), check) });
    records.push({ unpaddedSize: header.length + packed.size + CHECK_BYTES, contentSize: block.length });
  }
  const indexBytes = index(records);
  out.push({ $case: "inline", bytes: concatBytes(indexBytes, streamFooter(indexBytes.length)) });
  return recipe(out);
}
