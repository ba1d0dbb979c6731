import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../../src/bytes/align.ts";
import { labelGuid } from "../../../src/bytes/guid.ts";
import { inline, read } from "../../../src/extents/index.ts";
import { type GptDisk, gptDisk } from "../../../src/formats/gpt/index.ts";
import { MemoryBlobs } from "../../support/recipes.ts";

const SIZE = 8 * MiB;
const WRITTEN = 0xcc;

/** Ranges of the first MiB in which a disk full of `WRITTEN` before it is partitioned is not any more. */
async function changed(disk: Partial<GptDisk>): Promise<readonly (readonly [number, number])[]> {
  const diskGuid = labelGuid("disk");
  const before = [{ offset: 0, content: inline(new Uint8Array(MiB).fill(WRITTEN)) }];
  const plan = { sizeBytes: SIZE, diskGuid, partitions: [], ...disk };
  const blobs = new MemoryBlobs();
  const kept = await read(gptDisk({ ...plan, before }).image, blobs);
  const bare = await read(gptDisk(plan).image, blobs);
  assert.equal(kept.length, SIZE);
  assert.deepEqual(kept.subarray(MiB), bare.subarray(MiB));
  const ranges: [number, number][] = [];
  for (let at = 0; at < MiB; at++) {
    if (kept[at] === WRITTEN) continue;
    assert.equal(kept[at], bare[at]);
    const last = ranges.at(-1);
    if (last?.[1] === at) last[1] = at + 1;
    else ranges.push([at, at + 1]);
  }
  return ranges;
}

/** What is written to the disk, and what of that the table takes (outputs.md 6.4). */
const VECTORS: readonly (readonly [string, Partial<GptDisk>, readonly (readonly [number, number])[]])[] = [
  [
    "512-byte sectors",
    {},
    [
      [446, 462],
      [510, 34 * 512],
    ],
  ],
  [
    "boot code of 446 bytes",
    { bootCode: new Uint8Array(446) },
    [
      [0, 462],
      [510, 34 * 512],
    ],
  ],
  [
    "an offset of 100 sectors",
    { entryArrayOffsetLba: 100 },
    [
      [446, 462],
      [510, 2 * 512],
      [102 * 512, 134 * 512],
    ],
  ],
  [
    "4096-byte sectors",
    { sectorSize: 4096, entryArrayOffsetLba: 3 },
    [
      [446, 462],
      [510, 512],
      [4096, 2 * 4096],
      [5 * 4096, 9 * 4096],
    ],
  ],
];

for (const [what, disk, expected] of VECTORS) {
  test(`what stood on a disk stays but where the table is: ${what}`, async () => {
    assert.deepEqual(await changed(disk), expected);
  });
}
