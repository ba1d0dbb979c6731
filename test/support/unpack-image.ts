/** Compressed images read back: what their header says, and their content with zeros as zeros. */
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import {
  type BlobReader,
  CHUNK_BYTES,
  concat,
  dataRuns,
  type Extent,
  inline,
  type Placement,
  place,
  type Recipe,
  read,
  recipe,
  stream,
  zeros,
} from "../../src/extents/index.ts";
import type { Codec } from "../../src/formats/codec.ts";

const ZEROS = new Uint8Array(CHUNK_BYTES);
/** A chunk of a decoder is looked through in parts of this size. */
const PART = 64 * 1024;
/** Data between the zeros that is kept in memory. */
const MAX_DATA = 1024 * 1024 * 1024;
/** More than any header with a file name. */
const HEAD_BYTES = 1024;

function isZeros(bytes: Uint8Array): boolean {
  return bytes.length <= ZEROS.length && Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0;
}

/** A stream of bytes as a recipe without blobs; only the parts that are not all zeros are kept. */
async function sparse(bytes: AsyncIterable<Uint8Array>): Promise<Recipe> {
  const extents: Extent[] = [];
  let kept = 0;
  let gap = 0;
  const data = (part: Uint8Array): void => {
    kept += part.length;
    if (kept > MAX_DATA) throw new Error(`more than ${MAX_DATA} bytes that are not zero`);
    if (gap > 0) extents.push({ $case: "zeros", length: gap });
    gap = 0;
    extents.push({ $case: "inline", bytes: part.slice() });
  };
  for await (const chunk of bytes) {
    if (isZeros(chunk)) {
      gap += chunk.length;
      continue;
    }
    for (let at = 0; at < chunk.length; at += PART) {
      const part = chunk.subarray(at, at + PART);
      if (isZeros(part)) gap += part.length;
      else data(part);
    }
  }
  if (gap > 0) extents.push({ $case: "zeros", length: gap });
  return recipe(extents);
}

const SECTOR = 512;

/** The same bytes without blobs, every sector of zeros as zeros: two images are equal when the identities of these are. */
export async function withoutZeroSectors(image: Recipe, blobs: BlobReader): Promise<Recipe> {
  const parts: Placement[] = [];
  for (const { first, count } of dataRuns(image, PART)) {
    for (let offset = first * PART; offset < Math.min((first + count) * PART, image.size); offset += PART) {
      const bytes = await read(image, blobs, offset, Math.min(PART, image.size - offset));
      for (let at = 0; at < bytes.length; at += SECTOR) {
        const sector = bytes.subarray(at, at + SECTOR);
        if (!isZeros(sector)) parts.push({ offset: offset + at, content: inline(sector) });
      }
    }
  }
  return place(image.size, parts);
}

/** A gzip file's content. */
export async function gunzipped(image: Recipe, blobs: BlobReader): Promise<Recipe> {
  const decoder = createGunzip({ chunkSize: CHUNK_BYTES });
  pipeline(Readable.from(stream(image, blobs)), decoder, () => undefined);
  return await sparse(decoder as AsyncIterable<Uint8Array>);
}

/** Files up to this size are taken apart frame by frame. */
const MAX_FRAMES_BYTES = 64 * 1024 * 1024;
/** Widths of the fields of a frame header by their flags (RFC 8878 3.1.1.1). */
const DICTIONARY_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];

/** Length of the frame at `at`, and of its content when that is nothing but constant blocks of zeros (RFC 8878 3.1.1). */
function zstdFrame(bytes: Buffer, at: number): { readonly end: number; readonly zeros: number | undefined } {
  if (bytes.readUInt32LE(at) !== 0xfd2fb528) throw new Error(`zstd: no frame at ${at}`);
  const descriptor = bytes[at + 4]!;
  const isSingle = (descriptor & 0x20) !== 0;
  const contentSize = CONTENT_SIZE_BYTES[descriptor >> 6]! || (isSingle ? 1 : 0);
  let next = at + 5 + (isSingle ? 0 : 1) + DICTIONARY_BYTES[descriptor & 3]! + contentSize;
  let zeros: number | undefined = 0;
  for (let isLast = false; !isLast; ) {
    const header = bytes.readUIntLE(next, 3);
    const [type, size] = [(header >> 1) & 3, header >> 3];
    isLast = (header & 1) !== 0;
    if (type !== 1 || bytes[next + 3] !== 0) zeros = undefined;
    else if (zeros !== undefined) zeros += size;
    next += 3 + (type === 1 ? 1 : size);
  }
  return { end: next + (descriptor & 4), zeros };
}

/** The content of a row of zstd frames; frames of zeros, which have gigabytes, are not decoded. */
export async function unzstd(image: Recipe, blobs: BlobReader, codec: Codec): Promise<Recipe> {
  if (image.size > MAX_FRAMES_BYTES) return await sparse(codec.unzstd(stream(image, blobs)));
  const bytes = Buffer.from(await read(image, blobs));
  const parts: Recipe[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { end, zeros: length } = zstdFrame(bytes, at);
    parts.push(length === undefined ? await sparse(codec.unzstd(stream(image, blobs, at, end - at))) : zeros(length));
    at = end;
  }
  return concat(...parts);
}

/** The content of a row of .xz streams. */
export async function unxz(image: Recipe, blobs: BlobReader, codec: Codec): Promise<Recipe> {
  return await sparse(codec.unxz(stream(image, blobs)));
}

/** What the header of a gzip member says (RFC 1952 2.3). */
export async function gzipHeader(image: Recipe, blobs: BlobReader) {
  const head = Buffer.from(await read(image, blobs, 0, Math.min(HEAD_BYTES, image.size)));
  const flags = head[3]!;
  const [extra, name] = [flags & 4, flags & 8];
  const at = 10 + (extra ? 2 + head.readUInt16LE(10) : 0);
  return {
    magic: head.toString("hex", 0, 3),
    flags,
    mtime: head.readUInt32LE(4),
    xfl: head[8]!,
    os: head[9]!,
    name: name ? head.toString("latin1", at, head.indexOf(0, at)) : undefined,
  };
}
