import assert from "node:assert/strict";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { blob, inline, place, type Recipe } from "../../src/extents/index.ts";
import { VHD_SUBFORMATS, vhdImage } from "../../src/formats/vhd/index.ts";
import { FOOTER, TIMESTAMP_BASE } from "../../src/formats/vhd/layout.ts";
import { qemuImg } from "../support/qemu-img.ts";
import { MemoryBlobs, noise } from "../support/recipes.ts";
import { withFolder, writeImage } from "../support/write-image.ts";

const blobs = new MemoryBlobs();
const NOISE = blobs.add(noise(MiB));

function disk(size: number): Recipe {
  return place(size, [
    { offset: 100_000, content: inline(utf8("hello")) },
    { offset: 5 * MiB + 5000, content: blob(NOISE, MiB) },
    { offset: size - 512, content: inline(noise(512)) },
  ]);
}

async function footerOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(FOOTER.size);
    await file.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes;
  } finally {
    await file.close();
  }
}

test("qemu-img writes the same bytes at the same time with the same id", async () => {
  await withFolder(async (folder) => {
    const at = (name: string): string => join(folder, name);
    // On either side of each change of geometry.
    for (const size of [7 * MiB, 50 * MiB + 512, 600 * MiB, 1246 * MiB, 8192 * MiB, 33_000 * MiB, 200_000 * MiB]) {
      const whole = disk(size);
      await writeImage(at("disk.raw"), whole, blobs);
      for (const subformat of VHD_SUBFORMATS) {
        for (const forceSize of [true, false]) {
          const options = `subformat=${subformat},force_size=${forceSize ? "on" : "off"}`;
          qemuImg("convert", "-f", "raw", "-O", "vpc", "-o", options, at("disk.raw"), at("theirs.vhd"));
          const theirs = await footerOf(at("theirs.vhd"));
          // Clock and chance are theirs.
          const { timestamp, id } = FOOTER.decode(theirs);
          const image = vhdImage(whole, { subformat, forceSize, mtime: timestamp + TIMESTAMP_BASE, id });
          await writeImage(at("disk.vhd"), image, blobs);
          const label = `${size} ${options}`;
          assert.equal((await stat(at("theirs.vhd"))).size, image.size, label);
          if (subformat === "fixed") assert.deepEqual(await footerOf(at("disk.vhd")), theirs, label);
          else assert.ok((await readFile(at("disk.vhd"))).equals(await readFile(at("theirs.vhd"))), label);
        }
      }
    }
  });
});

test("qemu-img reads the disk back", async () => {
  await withFolder(async (folder) => {
    const at = (name: string): string => join(folder, name);
    const whole = disk(1246 * MiB);
    await writeImage(at("disk.raw"), whole, blobs);
    for (const subformat of VHD_SUBFORMATS) {
      const image = vhdImage(whole, { subformat, forceSize: true, mtime: 1_559_424_892, id: noise(16) });
      await writeImage(at("disk.vhd"), image, blobs);
      qemuImg("compare", "-f", "raw", "-F", "vpc", at("disk.raw"), at("disk.vhd"));
      const info = JSON.parse(qemuImg("info", "-f", "vpc", "--output=json", at("disk.vhd")));
      assert.deepEqual([info.format, info["virtual-size"]], ["vpc", 1246 * MiB]);
    }
  });
});
