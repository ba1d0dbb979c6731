import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inflateSync } from "node:zlib";
import fc from "fast-check";
import { GiB, KiB, MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { blob, concat, inline, place, type Recipe, read, zeros } from "../../../src/extents/index.ts";
import { GRAIN_BYTES, vmdkImage, vmdkParts } from "../../../src/formats/vmdk/index.ts";
import { GRAIN_MARKER, HEADER } from "../../../src/formats/vmdk/layout.ts";
import { anyRecipe, MemoryBlobs, noise } from "../../support/recipes.ts";
import { NO_BLOBS } from "../../support/write-image.ts";
import { ID, mixedVmdk } from "./support.ts";

const SECTOR = 512;
const blobs = new MemoryBlobs();

/** Reads the disk back through directory and tables; grains must stand in order, the marker of the end behind them. */
async function disk(image: Recipe): Promise<Buffer> {
  const { capacity, directory, overhead } = HEADER.decode(await read(image, blobs, 0, HEADER.size));
  const out = Buffer.alloc(capacity * SECTOR);
  const grains = Math.ceil(out.length / GRAIN_BYTES);
  const tables = Buffer.from(await read(image, blobs, directory * SECTOR, Math.ceil(grains / 512) * 4));
  let next = overhead;
  for (let grain = 0; grain < grains; grain++) {
    const table = tables.readUInt32LE(Math.floor(grain / 512) * 4) * SECTOR;
    const entry = Buffer.from(await read(image, blobs, table + (grain % 512) * 4, 4)).readUInt32LE();
    if (entry === 0) continue;
    assert.equal(entry, next);
    const { sector, bytes } = GRAIN_MARKER.decode(await read(image, blobs, entry * SECTOR, GRAIN_MARKER.size));
    assert.equal(sector, grain * 128);
    out.set(inflateSync(await read(image, blobs, entry * SECTOR + GRAIN_MARKER.size, bytes)), grain * GRAIN_BYTES);
    next += Math.ceil((GRAIN_MARKER.size + bytes) / SECTOR);
  }
  assert.equal(image.size, (next + 1) * SECTOR);
  assert.ok((await read(image, blobs, next * SECTOR, SECTOR)).every((byte) => byte === 0));
  return out;
}

async function assertReadsBack(whole: Recipe): Promise<void> {
  const expected = Buffer.alloc(Math.ceil(whole.size / SECTOR) * SECTOR);
  expected.set(await read(whole, blobs));
  assert.ok((await disk(await mixedVmdk(whole, blobs))).equals(expected));
}

describe("vmdkImage", () => {
  it("says what the reference's converter says (outputs.md 4.4)", async () => {
    const image = vmdkImage(zeros(8 * GiB), [], ID);
    assert.deepEqual(HEADER.decode(await read(image, NO_BLOBS, 0, HEADER.size)), {
      magic: "KDMV",
      version: 3,
      flags: 0x30001,
      capacity: 16777216,
      grainSectors: 128,
      descriptorSector: 1,
      descriptorSectors: 20,
      tableGrains: 512,
      redundantDirectory: 0,
      directory: 0x15,
      overhead: 1047,
      uncleanShutdown: 0,
      newlines: "\n \r\n",
      compression: 1,
      padding: undefined,
    });
    const text = Buffer.from(await read(image, NO_BLOBS, SECTOR, 20 * SECTOR)).toString();
    const lines = text.replace(/\0+$/, "").split("\n");
    assert.deepEqual(lines, [
      ...["# Disk DescriptorFile", "version=1", 'encoding="UTF-8"', "CID=89abcdef", "parentCID=ffffffff"],
      ...['createType="streamOptimized"', "", "# Extent description", 'RW 16777216 SPARSE "disk"', ""],
      ...["# The Disk Data Base", "#DDB", "", `ddb.longContentID = "${ID}"`, 'ddb.virtualHWVersion = "4"'],
      ...['ddb.geometry.cylinders = "1045"', 'ddb.geometry.heads = "255"', 'ddb.geometry.sectors = "63"'],
      ...['ddb.adapterType = "lsilogic"', 'ddb.toolsInstallType = "4"', 'ddb.toolsVersion = "2147483647"'],
    ]);
    assert.equal(image.size, 1048 * SECTOR);
  });

  it("reads back as the disk, at sizes around its limits", async () => {
    for (const size of [0, 1, 512, GRAIN_BYTES - 1, GRAIN_BYTES, GRAIN_BYTES + 1, 3 * GRAIN_BYTES + 1000]) {
      await assertReadsBack(inline(noise(size)));
      await assertReadsBack(concat(zeros(32 * MiB), inline(noise(size)), zeros(5 * MiB)));
    }
  });

  it("reads back as the disk, whatever it is made of", async () => {
    await fc.assert(fc.asyncProperty(anyRecipe(blobs, 300 * KiB), assertReadsBack), { numRuns: 25 });
  });

  it("stores grains as slices", async () => {
    const digest = sha256("a blob nobody can read");
    const whole = place(1 * GiB, [{ offset: 1 * MiB, content: blob(digest, 100 * GRAIN_BYTES) }]);
    const grains = Array.from({ length: 100 }, (_, i) => ({ $case: "stored", adler32: i, lastByte: i }) as const);
    const image = vmdkImage(whole, [{ grains, packed: undefined }], ID);
    const slices = image.extents.filter((extent) => extent.$case === "blob");
    assert.equal(
      slices.reduce((sum, { length }) => sum + length, 0),
      100 * (GRAIN_BYTES - 1),
    );
    assert.equal(slices.length, 100);
    // Sizes are known without a byte of the blob: the 28 bytes beside each grain make one more sector.
    assert.equal(image.size, (21 + 1 + 32 * 4 + 100 * 129 + 1) * SECTOR);
  });
});

describe("vmdkParts", () => {
  it("gives long stretches of a blob apart, so that disks that share them share the work", () => {
    const digest = sha256("a blob nobody can read");
    const other = sha256("another");
    const at = (offset: number, content: Recipe) => ({ offset, content });
    const content = blob(digest, 20 * GRAIN_BYTES);
    const one = place(64 * MiB, [at(0, inline(noise(10))), at(3 * GRAIN_BYTES + 512, content)]);
    const two = place(96 * MiB, [at(9 * GRAIN_BYTES + 512, content), at(64 * MiB, blob(other, 1000))]);
    const [first, rest] = vmdkParts(one);
    assert.deepEqual(first!.runs, [{ first: 4, count: 19 }]);
    assert.deepEqual(rest!.runs, [
      { first: 0, count: 1 },
      { first: 3, count: 1 },
      { first: 23, count: 1 },
    ]);
    assert.equal(rest!.content.size, 3 * GRAIN_BYTES);
    assert.equal(vmdkParts(two)[0]!.content.identity, first!.content.identity);
    assert.deepEqual(vmdkParts(zeros(1 * GiB)), []);
  });

  it("has every grain that may hold data once", () => {
    fc.assert(
      fc.property(anyRecipe(blobs, 3 * MiB), (whole) => {
        const numbers = vmdkParts(whole)
          .flatMap(({ runs }) => runs.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i)))
          .sort((a, b) => a - b);
        assert.equal(new Set(numbers).size, numbers.length);
        for (const [i, extent] of whole.extents.entries()) {
          if (extent.$case !== "blob") continue;
          const first = Math.floor(whole.starts[i]! / GRAIN_BYTES);
          const last = Math.floor((whole.starts[i]! + extent.length - 1) / GRAIN_BYTES);
          for (let grain = first; grain <= last; grain++) assert.ok(numbers.includes(grain));
        }
      }),
      { numRuns: 40 },
    );
  });
});
