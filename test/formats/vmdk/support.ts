import { deflateSync } from "node:zlib";
import { concatBytes } from "../../../src/bytes/text.ts";
import { type BlobReader, type Recipe, read } from "../../../src/extents/index.ts";
import {
  GRAIN_BYTES,
  type GrainForm,
  type PackedGrains,
  vmdkImage,
  vmdkParts,
} from "../../../src/formats/vmdk/index.ts";
import type { MemoryBlobs } from "../../support/recipes.ts";

export const ID = "0123456789abcdef0123456789abcdef";

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}

/** Looks at the grains of a part: every third with data is stored, the others are deflated. */
async function pack(content: Recipe, blobs: MemoryBlobs): Promise<PackedGrains> {
  const grains: GrainForm[] = [];
  const streams: Uint8Array[] = [];
  for (let at = 0; at < content.size; at += GRAIN_BYTES) {
    const grain = await read(content, blobs, at, Math.min(GRAIN_BYTES, content.size - at));
    if (grain.every((byte) => byte === 0)) grains.push({ $case: "zeros" });
    else if (grains.length % 3 === 0)
      grains.push({ $case: "stored", adler32: adler32(grain), lastByte: grain.at(-1)! });
    else {
      const stream = deflateSync(grain);
      grains.push({ $case: "deflated", bytes: stream.length });
      streams.push(stream);
    }
  }
  const packed = concatBytes(...streams);
  return { grains, packed: packed.length === 0 ? undefined : { digest: blobs.add(packed), size: packed.length } };
}

/** An image of a disk whose grains are kept in all forms there are. */
export async function mixedVmdk(disk: Recipe, blobs: MemoryBlobs & BlobReader): Promise<Recipe> {
  const packed: PackedGrains[] = [];
  for (const { content } of vmdkParts(disk)) packed.push(await pack(content, blobs));
  return vmdkImage(disk, packed, ID);
}
