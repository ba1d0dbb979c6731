import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../../src/bytes/align.ts";
import { freeRecord, reverseRecord, treeBlock } from "../../../src/formats/xfs/blocks.ts";
import { oneLeaf, reverseLeaves, reverseTree } from "../../../src/formats/xfs/btree.ts";
import { FEATURES, xfsGeometry } from "../../../src/formats/xfs/geometry.ts";
import { XfsError } from "../../../src/formats/xfs/index.ts";
import { type Mapping, Mappings, OWNER } from "../../../src/formats/xfs/mappings.ts";
import { BOOT } from "./trees.ts";

const PLACE = { geometry: xfsGeometry(1000 * MiB, 512, FEATURES["lts_6.18"]), uuid: BOOT.uuid, group: 1 };

const isFragmented = (error: unknown): boolean => error instanceof XfsError && error.code === "too_fragmented";

test("a block holds 505 free extents", () => {
  const extents = Array.from({ length: 506 }, (_, i) => ({ start: 2 * i, count: 1 }));
  const node = { block: 1, magic: "AB3B" };
  const { bytes } = oneLeaf(PLACE, node, freeRecord, extents.slice(1));
  assert.equal(treeBlock.decode(bytes).records, 505);
  assert.throws(() => oneLeaf(PLACE, node, freeRecord, extents), isFragmented);
});

/** Mappings and the leaves they need. */
const LEAVES: readonly (readonly [number, number])[] = [
  [0, 0],
  [168, 0],
  [169, 2],
  [336, 2],
  [337, 3],
];

test("owners get leaves when they outgrow the root, and share them evenly", () => {
  for (const [count, leaves] of LEAVES) {
    assert.equal(reverseLeaves(count), leaves);
    const mappings = Array.from({ length: count }, (_, i) => ({ start: 2 * i, count: 1, owner: 131n, offset: 7 * i }));
    const blocks = Array.from({ length: leaves }, (_, i) => 100 + i);
    const tree = reverseTree(PLACE, 5, blocks, mappings).map(({ bytes }) => bytes);
    const heads = tree.map((bytes) => treeBlock.decode(bytes));
    const lowest = leaves === 0 ? heads : heads.slice(1);
    assert.equal(
      lowest.reduce((sum, { records }) => sum + records, 0),
      count,
    );
    // A leaf beside others must be at least half full.
    if (leaves > 0) assert.ok(lowest.every(({ records }) => records >= 84));
    assert.equal(heads[0]!.level, leaves === 0 ? 0 : 1);
    assert.deepEqual(lowest.at(-1)!.right, 0xffffffff);
    const last = reverseRecord.decode(tree.at(-1)!, treeBlock.size + (lowest.at(-1)!.records - 1) * reverseRecord.size);
    if (count > 0) assert.equal(last.start, 2 * (count - 1));
  }
});

test("more than two levels of owners are refused", () => {
  const mapping = { start: 0, count: 1, owner: 131n, offset: 0 };
  const blocks = Array.from({ length: 92 }, (_, i) => i);
  assert.throws(() => reverseTree(PLACE, 5, blocks, new Array<Mapping>(15_289).fill(mapping)), isFragmented);
});

test("mappings that continue each other are one, in any order", () => {
  const mappings = new Mappings();
  const file = (start: number, count: number, offset: number): void =>
    mappings.add({ start, count, owner: 131n, offset });
  file(30, 5, 20);
  file(10, 10, 0);
  file(20, 10, 10);
  file(35, 5, 99);
  mappings.add({ start: 40, count: 1, owner: OWNER.inodes, offset: 0 });
  mappings.add({ start: 41, count: 1, owner: OWNER.inodes, offset: 0 });
  mappings.add({ start: 42, count: 1, owner: OWNER.log, offset: 0 });
  assert.deepEqual(
    mappings.list.map(({ start, count }) => [start, count]),
    [
      [10, 25],
      [35, 5],
      [40, 2],
      [42, 1],
    ],
  );
});
