import fc from "fast-check";
import { type Digest, sha256 } from "../../src/bytes/digest.ts";
import { type BlobReader, type Extent, type Recipe, recipe } from "../../src/extents/index.ts";

/** A store of blobs in memory. */
export class MemoryBlobs implements BlobReader {
  readonly #blobs = new Map<Digest, Uint8Array>();

  add(bytes: Uint8Array): Digest {
    const digest = sha256(bytes);
    this.#blobs.set(digest, bytes);
    return digest;
  }

  async read(digest: Digest, offset: number, length: number): Promise<Uint8Array> {
    return this.#blobs.get(digest)!.subarray(offset, offset + length);
  }
}

/** `length` bytes that no codec compresses, the same for the same seed. */
export function noise(length: number, seed = 1): Uint8Array {
  const out = new Uint32Array(Math.ceil(length / 4));
  let state = seed >>> 0 || 1;
  for (let i = 0; i < out.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state;
  }
  return new Uint8Array(out.buffer, 0, length);
}

/** Random recipes of inline bytes, zeros and slices of blobs kept in `blobs`; `largest` bounds each extent, in bytes. */
export function anyRecipe(blobs: MemoryBlobs, largest: number): fc.Arbitrary<Recipe> {
  const digest = blobs.add(noise(2 * largest, 7));
  const length = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: largest }));
  const extent: fc.Arbitrary<Extent> = fc.oneof(
    fc.tuple(length, fc.nat()).map(([size, seed]) => ({ $case: "inline" as const, bytes: noise(size, seed) })),
    length.map((size) => ({ $case: "zeros" as const, length: size })),
    fc
      .tuple(length, fc.integer({ min: 0, max: largest }))
      .map(([size, offset]) => ({ $case: "blob" as const, digest, offset, length: size })),
  );
  return fc.array(extent, { maxLength: 12 }).map((extents) => recipe(extents));
}
