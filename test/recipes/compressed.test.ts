import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { KiB, MiB } from "../../src/bytes/align.ts";
import { sha256 } from "../../src/bytes/digest.ts";
import { blob, concat, inline, type Recipe, zeros } from "../../src/extents/index.ts";
import { compressionPlan } from "../../src/recipes/compressed.ts";
import { anyRecipe, MemoryBlobs, noise } from "../support/recipes.ts";

const PACKED = sha256("packed");
const OTHER = sha256("packed too");
const PLAIN = sha256("plain");

function planned(...parts: readonly Recipe[]): readonly (readonly [string, number])[] {
  const pieces = compressionPlan(concat(...parts), (digest) => digest === PLAIN);
  return pieces.map(({ $case, content }) => [$case, content.size] as const);
}

describe("compressionPlan", () => {
  it("stores slices and long zeros, compresses metadata and plain blobs, in the order of the image", () => {
    const image = [
      inline(noise(8 * KiB)),
      blob(PACKED, 5 * MiB),
      zeros(MiB),
      blob(PLAIN, 2 * MiB),
      zeros(64 * KiB),
      blob(PLAIN, 100, 2 * MiB),
    ];
    assert.deepEqual(planned(...image), [
      ["compress", 8 * KiB],
      ["stored", 5 * MiB],
      ["stored", MiB],
      ["compress", 2 * MiB],
      ["stored", 64 * KiB],
      ["compress", 100],
    ]);
  });

  it("keeps the slices of one blob together with the headers between them, and apart from all else", () => {
    const sliced = [0, 1, 2].flatMap((i) => [inline(noise(3)), blob(PACKED, 128 * KiB, i * 128 * KiB)]);
    assert.deepEqual(planned(inline(noise(7)), ...sliced, inline(noise(5)), blob(OTHER, 10)), [
      ["stored", 10],
      ["stored", 3 * 128 * KiB + 2 * 3],
      ["stored", 5],
      ["stored", 10],
    ]);
  });

  it("lets what is small and compressible share a piece with what stands between", () => {
    const parts = [inline(noise(100)), zeros(10), blob(PLAIN, 100 * KiB), inline(noise(50)), inline(noise(9 * KiB))];
    assert.deepEqual(planned(...parts), [["compress", 110 + 100 * KiB + 50 + 9 * KiB]]);
    assert.deepEqual(planned(...parts, blob(PLAIN, MiB, MiB), inline(noise(9 * KiB))), [
      ["compress", 110 + 100 * KiB + 50 + 9 * KiB],
      ["compress", MiB],
      ["compress", 9 * KiB],
    ]);
  });

  it("compresses much that is left over as metadata, in whatever pieces it comes", () => {
    const crumbs = Array.from({ length: 20 }, (_, i) => concat(inline(noise(300, i + 1)), zeros(3000)));
    assert.deepEqual(planned(blob(PACKED, 9), ...crumbs), [
      ["stored", 9],
      ["compress", 20 * 3300],
    ]);
  });

  it("makes pieces that are the image again", () => {
    const blobs = new MemoryBlobs();
    fc.assert(
      fc.property(anyRecipe(blobs, 200 * KiB), fc.boolean(), (image, compressible) => {
        const pieces = compressionPlan(image, () => compressible);
        assert.equal(concat(...pieces.map(({ content }) => content)).identity, image.identity);
        assert.ok(pieces.length > 0 && pieces.every(({ content }) => content.size > 0 || content === image));
      }),
    );
  });
});
