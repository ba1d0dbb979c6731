import assert from "node:assert/strict";
import { test } from "node:test";
import { GiB, MiB } from "../../../src/bytes/align.ts";
import { ext4Geometry, groupTables, metadataRuns, superblockGroups } from "../../../src/formats/ext4/geometry.ts";

/** Size in MiB, sector size; block size, blocks, inodes, inodes per group, reserved descriptor blocks: mke2fs 1.47.0. */
const VOLUMES: readonly (readonly [number, number, number, number, number, number, number])[] = [
  [1, 512, 1024, 1024, 128, 128, 7],
  [2, 512, 1024, 2048, 256, 256, 15],
  [3, 512, 1024, 3072, 768, 768, 23],
  [9, 512, 1024, 9216, 2304, 1152, 71],
  [100, 512, 1024, 102400, 25584, 1968, 256],
  [511, 512, 1024, 523264, 130560, 2040, 256],
  [512, 512, 4096, 131072, 32768, 8192, 63],
  [600, 512, 4096, 153600, 38400, 7680, 74],
  [8192, 512, 4096, 2097152, 524288, 8192, 1023],
  [20480, 512, 4096, 5242880, 1310720, 8192, 1024],
  [1, 4096, 4096, 256, 128, 128, 0],
  [100, 4096, 4096, 25600, 25600, 25600, 12],
  // The last group would be all tables.
  [641, 512, 4096, 163840, 41040, 8208, 79],
];

test("volumes are divided as mke2fs divides them", () => {
  for (const [mib, sectorSize, ...expected] of VOLUMES) {
    const found = ext4Geometry(mib * MiB, sectorSize, 0)!;
    const { blockSize, blocks, groups, inodesPerGroup, reservedDescriptorBlocks } = found;
    assert.deepEqual(
      [blockSize, blocks, groups * inodesPerGroup, inodesPerGroup, reservedDescriptorBlocks],
      expected,
      `${mib} MiB, ${sectorSize}`,
    );
  }
});

test("superblocks stand in groups 0, 1 and the powers of 3, 5 and 7", () => {
  const groups = superblockGroups(ext4Geometry(16 * GiB, 512, 0)!);
  assert.deepEqual(groups, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125]);
});

test("more inodes than usual are there when they are needed, up to what bitmaps count", () => {
  const few = ext4Geometry(8 * MiB, 512, 1000)!;
  const many = ext4Geometry(8 * MiB, 512, 5000)!;
  assert.equal(few.inodesPerGroup, 2048);
  assert.equal(many.inodesPerGroup, 5024);
  assert.equal(ext4Geometry(8 * MiB, 512, 8192), undefined);
});

test("tables and superblocks never meet, whatever the size", () => {
  for (const mib of [1, 8, 9, 63, 64, 65, 127, 128, 129, 200, 511, 512, 2049, 6000]) {
    for (const inodes of [0, 3000]) {
      const geometry = ext4Geometry(mib * MiB, 512, inodes);
      if (!geometry) continue;
      let end = geometry.firstDataBlock;
      for (const { first, count } of metadataRuns(geometry, groupTables(geometry))) {
        assert.ok(first >= end, `${mib} MiB: block ${first}`);
        end = first + count;
      }
      assert.ok(end <= geometry.blocks, `${mib} MiB`);
    }
  }
});
