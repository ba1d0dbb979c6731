import { crc32, crc32Combined, crc32OfZeros } from "../bytes/crc32.ts";
import { blob, extentsIn, type Recipe } from "../extents/index.ts";
import { type XzBlock, xzBlocks, xzStored } from "../formats/xz/index.ts";
import { zstdStored } from "../formats/zstd/index.ts";
import { DEFLATE_ID } from "../workers/deflate.ts";
import type { CompressionMethod, DeflateMethod } from "../workers/protocol.ts";
import type { Deriver } from "./derive.ts";

/** Up to this many bytes held in memory are summed up here, which takes less than the way to a worker and back. */
const MAX_HERE = 1024 * 1024;

/** A recipe compressed to one zstd frame, one .xz stream or deflate blocks by a derivation. */
export async function compressed(
  deriver: Deriver,
  content: Recipe,
  method: CompressionMethod | DeflateMethod,
  signal: AbortSignal,
): Promise<Recipe> {
  // The names of the other codecs are part of every description.
  const codec = method.$case === "deflate" ? DEFLATE_ID : undefined;
  const description = { recipe: content.identity, method, codec };
  const input = { extents: content.extents, method };
  const { digest, size } = await deriver.derive({ kind: "compress", description, input }, signal);
  return blob(digest, size);
}

/** A recipe framed as it is: its bytes stay where they are. An .xz stream needs their checksums, which are derived. */
export async function stored(
  deriver: Deriver,
  content: Recipe,
  method: CompressionMethod["$case"],
  signal: AbortSignal,
): Promise<Recipe> {
  if (method === "zstd") return zstdStored(content);
  const blocks = await checkedBlocks(deriver, content, signal);
  return xzStored(
    content,
    blocks.map(({ check }) => check),
  );
}

/** CRC32 over all bytes of a recipe, made of those of its blocks. */
export async function contentCrc32(deriver: Deriver, content: Recipe, signal: AbortSignal): Promise<number> {
  const blocks = await checkedBlocks(deriver, content, signal);
  return blocks.reduce((crc, { check, length }) => crc32Combined(crc, check, length), 0);
}

/** The blocks of an .xz stream with their CRC32s, which are derived where bytes of blobs, or many others, must be read. */
async function checkedBlocks(
  deriver: Deriver,
  content: Recipe,
  signal: AbortSignal,
): Promise<readonly (XzBlock & { readonly check: number })[]> {
  const blocks = xzBlocks(content);
  const here = content.extents.every(({ $case }) => $case !== "blob") && inlineBytes(content) <= MAX_HERE;
  if (here) return blocks.map((block) => ({ ...block, check: block.check ?? crc32Here(content, block) }));
  const description = { recipe: content.identity };
  const { checks } = await deriver.derive({ kind: "checks", description, input: { extents: content.extents } }, signal);
  return blocks.map((block, i) => ({ ...block, check: block.check ?? checks[i]! }));
}

function inlineBytes({ extents }: Recipe): number {
  return extents.reduce((sum, extent) => sum + (extent.$case === "inline" ? extent.bytes.length : 0), 0);
}

/** CRC32 of a block in which there are no slices of blobs. */
function crc32Here(content: Recipe, { offset, length }: XzBlock): number {
  let crc = 0;
  for (const extent of extentsIn(content, offset, length)) {
    if (extent.$case === "inline") crc = crc32(extent.bytes, crc);
    else if (extent.$case === "zeros") crc = crc32Combined(crc, crc32OfZeros(extent.length), extent.length);
  }
  return crc;
}
