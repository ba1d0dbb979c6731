import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeExtentTree, treeBlocks } from "../../../src/formats/ext4/extenttree.ts";
import type { Run } from "../../../src/formats/ext4/geometry.ts";
import { extentHeader, extentIndex, extentLeaf } from "../../../src/formats/ext4/layout.ts";

/** Block size, extents; blocks outside the inode, depth. A node has 84 entries in 1024 bytes and 340 in 4096. */
const TREES: readonly (readonly [number, number, number, number])[] = [
  [1024, 0, 0, 0],
  [1024, 4, 0, 0],
  [1024, 5, 1, 1],
  [1024, 84, 1, 1],
  [1024, 85, 2, 1],
  [1024, 336, 4, 1],
  [1024, 337, 6, 2],
  [4096, 1360, 4, 1],
  [4096, 1361, 6, 2],
];

test("trees are as deep as their extents need, and lead to them in order", () => {
  for (const [blockSize, extents, blocks, depth] of TREES) {
    const runs: Run[] = Array.from({ length: extents }, (_, i) => ({ first: 1000 + 3 * i, count: 2 }));
    const row = `${blockSize}, ${extents}`;
    assert.equal(treeBlocks(runs, blockSize), blocks, row);
    const numbers = Array.from({ length: blocks }, (_, i) => 50 + i);
    const tree = encodeExtentTree(runs, numbers, blockSize, 0);
    assert.deepEqual(
      tree.blocks.map(({ block }) => block),
      numbers,
      row,
    );
    assert.equal(extentHeader.decode(tree.map).depth, depth, row);
    const leaves = (node: Uint8Array): { logical: number; count: number; first: number }[] => {
      const header = extentHeader.decode(node);
      return Array.from({ length: header.entries }, (_, i) => extentHeader.size + i * extentLeaf.size).flatMap((at) => {
        if (header.depth === 0) return [extentLeaf.decode(node, at)];
        const { logical, child } = extentIndex.decode(node, at);
        const below = leaves(tree.blocks[child - 50]!.bytes);
        assert.equal(below[0]!.logical, logical, row);
        return below;
      });
    };
    assert.deepEqual(
      leaves(tree.map).map(({ logical, count, first }) => [logical, count, first]),
      runs.map(({ first, count }, i) => [2 * i, count, first]),
      row,
    );
  }
});

test("an extent has at most 32768 blocks", () => {
  const { map } = encodeExtentTree([{ first: 10, count: 65537 }], [], 4096, 0);
  const counts = [0, 1, 2].map((i) => extentLeaf.decode(map, extentHeader.size + i * extentLeaf.size).count);
  assert.deepEqual(counts, [32768, 32768, 1]);
});
