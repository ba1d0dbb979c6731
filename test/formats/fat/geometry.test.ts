import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../../src/bytes/align.ts";
import { espSectorsPerCluster, fatGeometry } from "../../../src/formats/fat/index.ts";

/** Size in MiB, sector size; total sectors, sectors per cluster, sectors per FAT, clusters: mkfs.fat 4.2 (outputs.md 2.8). */
const VOLUMES: readonly (readonly [number, number, number, number, number, number])[] = [
  [100, 512, 204800, 1, 1576, 201616],
  [1101, 512, 2254833, 8, 2200, 281300],
  [2101, 512, 4302837, 8, 4200, 536800],
  [100, 4096, 25600, 1, 25, 25518],
  [1101, 4096, 281856, 1, 275, 281274],
  [2101, 4096, 537831, 8, 72, 67206],
];

test("the geometry of the reference's volumes", () => {
  for (const [mib, sectorSize, totalSectors, sectorsPerCluster, fatSectors, clusters] of VOLUMES) {
    const { clusterBytes: _, dataOffset, ...found } = fatGeometry(mib * MiB, sectorSize);
    const row = `${mib} MiB, ${sectorSize}`;
    assert.deepEqual(
      [found.totalSectors, found.sectorsPerCluster, found.fatSectors, found.clusters],
      [totalSectors, sectorsPerCluster, fatSectors, clusters],
      row,
    );
    assert.equal(dataOffset, (32 + 2 * fatSectors) * sectorSize, row);
  }
});

/** Size in MiB at 512; sectors per track, heads, sectors per cluster: both sides of every threshold. */
const THRESHOLDS: readonly (readonly [number, number, number, number])[] = [
  [2, 16, 2, 1],
  [3, 32, 2, 1],
  [16, 32, 2, 1],
  [17, 32, 4, 1],
  [32, 32, 4, 1],
  [33, 32, 8, 1],
  [128, 32, 8, 1],
  [129, 32, 16, 1],
  [256, 32, 16, 1],
  [257, 63, 16, 1],
  [260, 63, 16, 1],
  [261, 63, 16, 8],
  [504, 63, 16, 8],
  [505, 63, 32, 8],
  [1008, 63, 32, 8],
  [1009, 63, 64, 8],
  [2016, 63, 64, 8],
  [2017, 63, 128, 8],
  [4032, 63, 128, 8],
  [4033, 63, 255, 8],
  [8192, 63, 255, 8],
  [8193, 63, 255, 16],
  [16385, 63, 255, 32],
  [32769, 63, 255, 64],
];

test("tracks, heads and cluster size change at the thresholds", () => {
  for (const [mib, ...expected] of THRESHOLDS) {
    const { sectorsPerTrack, heads, sectorsPerCluster } = fatGeometry(mib * MiB, 512);
    assert.deepEqual([sectorsPerTrack, heads, sectorsPerCluster], expected, `${mib} MiB`);
  }
});

test("large clusters lengthen the reserved area to a whole cluster", () => {
  assert.equal(fatGeometry(40_000 * MiB, 512).reservedSectors, 64);
  assert.equal(fatGeometry(8192 * MiB, 512, 128).reservedSectors, 128);
});

test("the ISO's ESP doubles its clusters while FAT32 allows it", () => {
  const sizes = [10, 65, 66, 131, 132, 263, 264, 5000].map((mib) => espSectorsPerCluster(mib * MiB));
  assert.deepEqual(sizes, [1, 1, 2, 2, 4, 4, 8, 8]);
});
