import assert from "node:assert/strict";
import { test } from "node:test";
import { FreeSpace, type NearRequest } from "../../../src/formats/xfs/freespace.ts";

const EXTENTS = [
  { start: 13, count: 3 },
  { start: 25, count: 40 },
  { start: 100, count: 900 },
];

/** Request and the start it gets. */
const NEAR: readonly (readonly [NearRequest, number | undefined])[] = [
  [{ wanted: 16, count: 1, contents: true }, 13],
  [{ wanted: 16, count: 1 }, 15],
  [{ wanted: 16, count: 3 }, 13],
  [{ wanted: 16, count: 4 }, 25],
  [{ wanted: 30, count: 4 }, 30],
  [{ wanted: 63, count: 4 }, 61],
  [{ wanted: 63, count: 4, contents: true }, 100],
  [{ wanted: 65, count: 40, contents: true }, 100],
  [{ wanted: 3, count: 8, alignment: 8 }, 32],
  [{ wanted: 3, count: 40, alignment: 8 }, 104],
  [{ wanted: 500, count: 501 }, 499],
  [{ wanted: 500, count: 901 }, undefined],
];

test("the start closest to what is wanted", () => {
  for (const [request, start] of NEAR) {
    assert.equal(new FreeSpace(...EXTENTS).near(request), start, JSON.stringify(request));
  }
});

test("of two at one distance, the one in the longer extent", () => {
  const space = new FreeSpace({ start: 10, count: 2 }, { start: 20, count: 3 });
  assert.equal(space.near({ wanted: 15, count: 2, contents: true }), 20);
});

test("the smallest extent that is large enough", () => {
  const space = new FreeSpace(...EXTENTS);
  assert.deepEqual(
    [space.smallest(3), space.smallest(4), space.smallest(41), space.smallest(901)],
    [13, 25, 100, undefined],
  );
  assert.deepEqual([space.blocks, space.longest], [943, 900]);
});

test("taking cuts an extent at its start, in its middle, at its end, or whole", () => {
  const space = new FreeSpace(...EXTENTS);
  space.take(13, 3);
  space.take(25, 1);
  space.take(30, 4);
  space.take(990, 10);
  assert.deepEqual(space.extents, [
    { start: 26, count: 4 },
    { start: 34, count: 31 },
    { start: 100, count: 890 },
  ]);
  assert.deepEqual([space.runAt(26), space.runAt(28), space.runAt(30), space.runAt(99)], [4, 2, 0, 0]);
});
