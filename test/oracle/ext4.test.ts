import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { GiB, KiB, MiB } from "../../src/bytes/align.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { concat, inline, zeros } from "../../src/extents/index.ts";
import { type Ext4Entry, type Ext4Volume, ext4MinimumBytes, ext4Volume } from "../../src/formats/ext4/index.ts";
import { directory, EPOCH, file, link, volumeOf } from "../formats/ext4/support.ts";
import { noise } from "../support/recipes.ts";
import { withFolder, writeImage } from "../support/write-image.ts";

function run(tool: string, ...args: string[]): string {
  const env = { ...process.env, TZ: "UTC", LC_ALL: "C", E2FSPROGS_FAKE_TIME: String(EPOCH) };
  return execFileSync(tool, args, { encoding: "utf8", env, stdio: "pipe", maxBuffer: 16 * MiB });
}

function blobs(count: number, content: (i: number) => string): readonly Ext4Entry[] {
  return Array.from({ length: count }, (_, i) => file(`sha256-${String(i).padStart(64, "0")}`, content(i)));
}

function nested(depth: number): Ext4Entry {
  let entry = directory("deepest", file("leaf", "leaf"));
  for (let i = 1; i < depth; i++) entry = directory(`level-${i}`, entry);
  return entry;
}

const HUGE = concat(inline(utf8("head")), zeros(3 * GiB + 17), inline(utf8("tail")));

/** Tree, sizes in MiB besides the smallest one, sector size. */
const SHAPES: readonly (readonly [string, readonly Ext4Entry[], readonly number[], 512 | 4096])[] = [
  ["empty", [], [1, 2, 3, 8, 9, 65, 511, 512, 641, 8192], 512],
  ["empty", [], [1, 8, 129, 511], 4096],
  ["one file", [file("a", "content")], [8, 129, 8192], 512],
  ["5000 files", [directory("blob", ...blobs(5000, (i) => `content ${i}`))], [16, 700], 512],
  ["5000 files", [directory("blob", ...blobs(5000, (i) => `content ${i}`))], [64], 4096],
  ["5000 directories", Array.from({ length: 5000 }, (_, i) => directory(`d${i}`)), [32], 512],
  ["large file", [file("huge", HUGE)], [4096, 8192], 512],
  ["larger file", [file("huge", zeros(200 * GiB))], [], 512],
  ["large files in small blocks", [file("a", zeros(170 * MiB)), file("b", zeros(200 * MiB))], [500], 512],
  ["deep", [nested(256)], [8], 512],
  ["links", [1, 59, 60, 1023].map((length) => link(`l${length}`, "t".repeat(length))), [8], 512],
  ["long names", [file("n".repeat(255), ""), directory("é".repeat(127), file("日本", "x"))], [8], 512],
];

test("e2fsck finds nothing to repair", async () => {
  for (const [what, tree, sizes, sectorSize] of SHAPES) {
    for (const sizeBytes of [ext4MinimumBytes({ tree, sectorSize }), ...sizes.map((mib) => mib * MiB)]) {
      await withFolder(async (folder) => {
        const path = join(folder, "cache.img");
        await writeImage(path, ext4Volume({ ...volumeOf(sizeBytes, tree), sectorSize }));
        // It exits with an error when there is anything to repair.
        assert.match(run("e2fsck", "-fn", path), /Pass 5.*\n.*IMAGECACHE: /, `${what}, ${sizeBytes} bytes`);
      });
    }
  }
});

test("times beyond 2038 are no damage", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "cache.img");
    await writeImage(path, ext4Volume({ ...volumeOf(8 * MiB, [file("f", "x")]), mtime: 2 ** 32 + 5 }));
    assert.match(run("e2fsck", "-fn", path), /IMAGECACHE: /);
    assert.match(run("debugfs", "-R", "stat f", path), /crtime: 0x00000005:00000001 -- Sun Feb +7 06:28:21 2106/);
  });
});

test("debugfs reads the tree back", async () => {
  const files = Array.from({ length: 300 }, (_, i) => [`blob-${i}`, noise(i * 531, i + 1)] as const);
  // Five extents at least, so that they do not fit into the inode.
  const large = concat(inline(noise(3 * MiB, 5)), zeros(513 * MiB), inline(noise(70_001, 6)));
  const tree = [
    directory("many", ...files.map(([name, bytes]) => file(name, inline(bytes), 0o640))),
    link("short", "many/blob-7"),
    link("long", "t".repeat(1000)),
  ];
  const withLarge = [...tree, file("large", large)];
  for (const volume of [volumeOf(100 * MiB, tree), volumeOf(ext4MinimumBytes({ tree: withLarge }), withLarge)]) {
    await withFolder(async (folder) => {
      const path = join(folder, "cache.img");
      await writeImage(path, ext4Volume(volume));
      const out = join(folder, "out");
      mkdirSync(out);
      run("debugfs", "-R", `rdump / ${out}`, path);
      for (const [name, bytes] of files) assert.ok(readFileSync(join(out, "many", name)).equals(bytes), name);
      if (volume.tree === withLarge) {
        await writeImage(join(folder, "large"), large);
        run("cmp", join(folder, "large"), join(out, "large"));
      }
      assert.equal(readlinkSync(join(out, "short")), "many/blob-7");
      assert.equal(readlinkSync(join(out, "long")), "t".repeat(1000));
      const status = run("debugfs", "-R", "stat many/blob-7", path);
      assert.match(status, /Type: regular +Mode: +0640/);
      assert.match(status, /User: +0 +Group: +0 .*Size: 3717\n/);
      assert.match(status, /mtime: 0x5cf2ef7c:00000000 -- Sat Jun +1 21:34:52 2019/);
    });
  }
});

/** Sizes in KiB, sector size. Just above a multiple of 128 MiB mke2fs makes small groups of large blocks: not followed. */
const EMPTY: readonly (readonly [readonly number[], 512 | 4096])[] = [
  [[1, 1.5, 2, 3, 4, 7, 8, 8.25, 9, 33, 64, 129, 200, 511, 512, 600, 2100, 8192, 20_000].map((mib) => mib * KiB), 512],
  [[1, 2, 7, 8, 9, 64, 100, 200, 511, 600].map((mib) => mib * KiB), 4096],
];

/** All fields of the superblock and journal, in the order dumpe2fs prints them; what has been written is not counted here. */
function fields(path: string): readonly string[] {
  return run("dumpe2fs", "-h", path)
    .split("\n")
    .filter((line) => !/^(Lifetime writes|Checksum):/.test(line));
}

test("every field that dumpe2fs prints of an empty volume is that of mke2fs", async () => {
  for (const [sizes, sectorSize] of EMPTY) {
    for (const kib of sizes) {
      await withFolder(async (folder) => {
        const volume: Ext4Volume = { ...volumeOf(kib * KiB, []), sectorSize };
        const [ours, theirs] = [join(folder, "ours.img"), join(folder, "theirs.img")];
        await writeImage(ours, ext4Volume(volume));
        writeFileSync(theirs, "");
        truncateSync(theirs, volume.sizeBytes);
        const names = ["-L", volume.label, "-U", volume.uuid];
        // Both features are the default of mke2fs 1.47.1 and later (outputs.md 2.12).
        const features = ["-O", "orphan_file,metadata_csum_seed", "-E", `hash_seed=${volume.uuid},nodiscard`];
        const blocks = sectorSize === 4096 ? ["-b", "4096"] : [];
        run("mkfs.ext4", "-q", "-F", ...names, ...features, ...blocks, theirs);
        assert.deepEqual(fields(ours), fields(theirs), `${kib} KiB, ${sectorSize}`);
      });
    }
  }
});
