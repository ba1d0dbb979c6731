import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { KiB, MiB } from "../../src/bytes/align.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { blob, inline, place, type Recipe } from "../../src/extents/index.ts";
import { qcow2Image } from "../../src/formats/qcow2/index.ts";
import { qemuImg } from "../support/qemu-img.ts";
import { MemoryBlobs, noise } from "../support/recipes.ts";
import { withFolder, writeImage } from "../support/write-image.ts";

const blobs = new MemoryBlobs();
const NOISE = blobs.add(noise(3 * MiB));

function disk(size: number): Recipe {
  return place(size, [
    { offset: 100_000, content: inline(utf8("hello")) },
    { offset: 20 * MiB + 5000, content: blob(NOISE, 3 * MiB) },
    { offset: size - 512, content: inline(noise(512)) },
  ]);
}

test("qemu-img finds no fault, reads the disk back, and writes the same bytes itself", async () => {
  await withFolder(async (folder) => {
    const at = (name: string): string => join(folder, name);
    for (const size of [100 * MiB + 512, 8192 * MiB + 4096]) {
      const whole = disk(size);
      await writeImage(at("disk.raw"), whole, blobs);
      for (const cluster of [512, 2 * KiB, 4 * KiB, 8 * KiB, 64 * KiB, 2 * MiB]) {
        await writeImage(at("disk.qcow2"), qcow2Image(whole, cluster), blobs);
        assert.match(qemuImg("check", "-f", "qcow2", at("disk.qcow2")), /^No errors were found/);
        qemuImg("compare", "-f", "raw", "-F", "qcow2", at("disk.raw"), at("disk.qcow2"));
        const options = ["-f", "raw", "-O", "qcow2", "-o", `cluster_size=${cluster}`];
        qemuImg("convert", ...options, at("disk.raw"), at("theirs.qcow2"));
        const info = (name: string) => {
          const { "actual-size": _, filename, ...fields } = JSON.parse(qemuImg("info", "--output=json", at(name)));
          return { ...fields, children: undefined };
        };
        assert.deepEqual(info("disk.qcow2"), info("theirs.qcow2"));
        // Below 4 KiB qemu-img allocates more than it needs.
        if (cluster < 4 * KiB) continue;
        assert.ok((await readFile(at("disk.qcow2"))).equals(await readFile(at("theirs.qcow2"))), `${size} ${cluster}`);
      }
    }
  });
});

test("qemu-img finds no fault where refcounts take several blocks", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "disk.qcow2");
    const whole = place(100 * MiB, [{ offset: 1 * MiB, content: inline(noise(40 * MiB)) }]);
    for (const cluster of [512, 8 * KiB]) {
      await writeImage(path, qcow2Image(whole, cluster));
      assert.match(qemuImg("check", path), /^No errors were found/);
      await writeImage(join(folder, "disk.raw"), whole);
      qemuImg("compare", "-f", "raw", "-F", "qcow2", join(folder, "disk.raw"), path);
    }
  });
});
