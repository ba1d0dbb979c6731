import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sha256 } from "../../src/bytes/digest.ts";
import { blob, concat, dataRuns, inline, type Recipe, read, recipe, slice, zeros } from "../../src/extents/index.ts";
import { anyRecipe, MemoryBlobs } from "../support/recipes.ts";

const DIGEST = sha256("never read");

function bytes(...values: number[]): Recipe {
  return inline(Uint8Array.from(values));
}

test("runs are the units that hold more than zeros", () => {
  const vectors: readonly (readonly [string, Recipe, readonly (readonly [number, number])[]])[] = [
    ["nothing", recipe([]), []],
    ["zeros", zeros(100), []],
    ["inline zeros", bytes(0, 0, 0, 0, 0), []],
    ["one byte", bytes(0, 0, 0, 0, 0, 1), [[1, 1]]],
    ["both ends of a unit", concat(bytes(1), zeros(2), bytes(1)), [[0, 1]]],
    ["neighbours", bytes(0, 0, 0, 1, 1, 0, 0, 0), [[0, 2]]],
    [
      "a gap",
      concat(bytes(1), zeros(11), bytes(1)),
      [
        [0, 1],
        [3, 1],
      ],
    ],
    ["a blob from within a unit into a short one", concat(zeros(7), blob(DIGEST, 6)), [[1, 3]]],
    ["a blob and bytes in one unit", concat(zeros(5), blob(DIGEST, 1), bytes(0, 1)), [[1, 1]]],
  ];
  for (const [name, whole, expected] of vectors) {
    const runs = [...dataRuns(whole, 4)].map(({ first, count }) => [first, count]);
    assert.deepEqual(runs, expected, name);
  }
});

test("what is in no run reads as zeros, and runs never touch", async () => {
  const blobs = new MemoryBlobs();
  await fc.assert(
    fc.asyncProperty(anyRecipe(blobs, 3000), fc.integer({ min: 1, max: 700 }), async (whole, unit) => {
      let end = 0;
      const assertZeros = async (from: number, to: number): Promise<void> => {
        const gap = await read(slice(whole, from, Math.max(0, Math.min(to, whole.size) - from)), blobs);
        assert.ok(gap.every((byte) => byte === 0));
      };
      for (const { first, count } of dataRuns(whole, unit)) {
        assert.ok(count > 0 && (first > end || end === 0));
        await assertZeros(end * unit, first * unit);
        end = first + count;
      }
      await assertZeros(Math.min(end * unit, whole.size), whole.size);
    }),
    { numRuns: 60 },
  );
});
