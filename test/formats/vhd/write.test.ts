import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GiB, MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { blob, concat, inline, place, type Recipe, read, zeros } from "../../../src/extents/index.ts";
import { type VhdOptions, vhdImage } from "../../../src/formats/vhd/index.ts";
import { FOOTER } from "../../../src/formats/vhd/layout.ts";
import { noise } from "../../support/recipes.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

const ID = noise(16);
const FIXED: VhdOptions = { subformat: "fixed", forceSize: true, mtime: 1_559_424_892, id: ID };

async function footer(image: Recipe, at = image.size - FOOTER.size) {
  const bytes = await read(image, NO_BLOBS, at, FOOTER.size);
  const fields = FOOTER.decode(bytes);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  const own = Buffer.from(bytes.subarray(FOOTER.offsets.checksum, FOOTER.offsets.checksum + 4));
  const expected = ~(sum - own.reduce((total, byte) => total + byte, 0)) >>> 0;
  assert.equal(fields.checksum, expected);
  return fields;
}

describe("vhdImage", () => {
  it("puts the reference's footer behind the disk (outputs.md 4.3)", async () => {
    const disk = inline(noise(4096));
    const image = vhdImage(concat(disk, zeros(1246 * MiB - 4096)), FIXED);
    assert.equal(image.size, 1306526208);
    assert.deepEqual(await read(image, NO_BLOBS, 0, 4096), await read(disk, NO_BLOBS));
    const { id, checksum, ...fields } = await footer(image);
    assert.deepEqual(id, ID);
    assert.deepEqual(fields, {
      cookie: "conectix",
      features: 2,
      version: 65536,
      dataOffset: 2n ** 64n - 1n,
      timestamp: 612_740_092,
      creator: "qem2",
      creatorVersion: 327683,
      creatorHost: "Wi2k",
      originalSize: 1306525696,
      currentSize: 1306525696,
      geometry: { cylinders: 65535, heads: 16, sectors: 255 },
      diskType: 2,
      savedState: 0,
      reserved: undefined,
    });
  });

  it("rounds to whole cylinders where the size is not forced", async () => {
    /** Disk in bytes, size in the image, geometry. */
    const vectors: readonly (readonly [number, number, readonly [number, number, number]])[] = [
      [0, 0, [0, 4, 17]],
      [1246 * MiB, 1306755072, [2532, 16, 63]],
      [8192 * MiB, 8590417920, [16645, 16, 63]],
      [200_000 * MiB, 200_000 * MiB, [65535, 16, 255]],
    ];
    for (const [size, expected, [cylinders, heads, sectors]] of vectors) {
      const image = vhdImage(zeros(size), { ...FIXED, forceSize: false });
      const { creator, currentSize, geometry } = await footer(image);
      assert.deepEqual([creator, currentSize, image.size - 512], ["qemu", expected, expected]);
      assert.deepEqual(geometry, { cylinders, heads, sectors });
    }
  });

  it("leaves blocks of zeros out of a dynamic disk", async () => {
    const digest = sha256("a blob nobody can read");
    const disk = place(1246 * MiB, [
      { offset: 3 * MiB, content: inline(Uint8Array.of(1)) },
      { offset: 10 * MiB, content: blob(digest, 3 * MiB) },
    ]);
    const image = vhdImage(disk, { ...FIXED, subformat: "dynamic", forceSize: false });
    const front = 512 + 1024 + 2560;
    assert.equal(image.size, front + 3 * (512 + 2 * MiB) + 512);
    assert.deepEqual(await footer(image, 0), await footer(image));
    const { dataOffset, diskType } = await footer(image);
    assert.deepEqual([dataOffset, diskType], [512n, 3]);
    const table = Buffer.from(await read(image, NO_BLOBS, 1536, 2560));
    const used = Array.from({ length: 640 }, (_, i) => table.readUInt32BE(i * 4)).map(
      (sector) => sector !== 0xffffffff,
    );
    assert.deepEqual(
      used.flatMap((one, i) => (one ? [i] : [])),
      [1, 5, 6],
    );
    assert.equal(table.readUInt32BE(4) * 512, front);
    assert.equal(table.readUInt32BE(20) * 512, front + 512 + 2 * MiB);
    assert.ok((await read(image, NO_BLOBS, front, 512)).every((byte) => byte === 0xff));
  });

  it("begins time in the year 2000", async () => {
    for (const [mtime, expected] of [
      [0, 0],
      [946_684_800, 0],
      [1_700_000_000, 753_315_200],
    ] as const) {
      assert.equal((await footer(vhdImage(zeros(512), { ...FIXED, mtime }))).timestamp, expected);
    }
  });

  it("refuses disks above 2040 GiB", () => {
    assert.equal(vhdImage(zeros(2040 * GiB), FIXED).size, 2040 * GiB + 512);
    for (const subformat of ["fixed", "dynamic"] as const) {
      for (const size of [2040 * GiB + 1, 2 ** 50]) {
        assert.throws(() => vhdImage(zeros(size), { ...FIXED, subformat }), { code: "vhd_too_large" });
      }
    }
  });
});
