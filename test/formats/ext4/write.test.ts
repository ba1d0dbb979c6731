import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GiB, KiB, MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { blob, inline, read, zeros } from "../../../src/extents/index.ts";
import { type Ext4Entry, ext4MinimumBytes, ext4Volume } from "../../../src/formats/ext4/index.ts";
import { NO_BLOBS } from "../../support/write-image.ts";
import { describe, directory, EPOCH, Ext4Reader, expected, file, isDirectory, link, volumeOf } from "./support.ts";

const CACHE = [
  directory("manifests", directory("docker.io", directory("reference", file("v1.0", "manifest")))),
  directory("blob", file("sha256-b", "b".repeat(3000)), file("sha256-a", "a", 0o600), file("empty", "")),
];

test("a cache: inode numbers in order of the tree, modes, sizes, owners, times", async () => {
  const reader = await Ext4Reader.open(volumeOf(4 * MiB, CACHE));
  const found = [...reader.walk()];
  assert.deepEqual(
    found.map(({ path, number, inode, bytes }) => [path, number, inode.mode.toString(8), bytes.length, inode.links]),
    [
      ["/lost+found", 11, "40700", 12288, 2],
      ["/blob", 13, "40755", 1024, 2],
      ["/blob/empty", 14, "100644", 0, 1],
      ["/blob/sha256-a", 15, "100600", 1, 1],
      ["/blob/sha256-b", 16, "100644", 3000, 1],
      ["/manifests", 17, "40755", 1024, 3],
      ["/manifests/docker.io", 18, "40755", 1024, 3],
      ["/manifests/docker.io/reference", 19, "40755", 1024, 2],
      ["/manifests/docker.io/reference/v1.0", 20, "100644", 8, 1],
    ],
  );
  for (const { inode } of found) {
    const { accessTime, changeTime, modifyTime, createTime, modifyTimeExtra } = inode;
    assert.deepEqual([accessTime, changeTime, modifyTime, createTime], [EPOCH, EPOCH, EPOCH, EPOCH]);
    assert.equal(modifyTimeExtra, 0);
  }
  assert.deepEqual([...reader.list(reader.node(18, ""))].slice(0, 2), [
    [".", 18],
    ["..", 17],
  ]);
});

test("the superblock says what it is asked to say", async () => {
  const { superblock, image } = await Ext4Reader.open(volumeOf(4 * MiB, CACHE));
  assert.equal(superblock.label, "IMAGECACHE");
  assert.equal(Buffer.from(superblock.uuid).toString("hex"), "3b5449bcc21f80098b5118945967f8df");
  assert.deepEqual(superblock.hashSeed, superblock.uuid);
  // crc32c of the UUID, as dumpe2fs prints it for a volume of mke2fs 1.47.4.
  assert.equal(superblock.checksumSeed, 0x95d5ec41);
  assert.deepEqual([superblock.writeTime, superblock.makeTime, superblock.checkTime], [EPOCH, EPOCH, EPOCH]);
  assert.deepEqual([superblock.journalInode, superblock.orphanInode], [8, 12]);
  assert.equal(image.length, 4 * MiB);
});

test("times beyond 2038 keep their upper bits", async () => {
  for (const mtime of [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 2 ** 34 - 2 ** 31 - 1]) {
    const reader = await Ext4Reader.open({ ...volumeOf(MiB, [file("f", "")]), mtime });
    const { modifyTime, modifyTimeExtra } = reader.inode(12);
    assert.equal((modifyTime | 0) + modifyTimeExtra * 2 ** 32, mtime);
    assert.equal(reader.superblock.writeTime + reader.superblock.writeTimeHigh * 2 ** 32, mtime);
  }
});

test("link targets of up to 59 bytes lie in the inode, others in a block", async () => {
  const targets = ["blob", "t".repeat(59), "t".repeat(60), "t".repeat(1023)];
  const tree = targets.map((target, i) => link(`l${i}`, target));
  const reader = await Ext4Reader.open(volumeOf(MiB, tree));
  const found = [...reader.walk()].slice(1);
  assert.deepEqual(found.map(describe), expected(tree));
  assert.deepEqual(
    found.map(({ blocks, inode }) => [blocks.length, inode.sectorsLow]),
    [
      [0, 0],
      [0, 0],
      [1, 2],
      [1, 2],
    ],
  );
});

test("a directory of several blocks lists everything", async () => {
  const names = Array.from({ length: 500 }, (_, i) => `sha256-${String(i).padStart(64, "0")}`);
  const reader = await Ext4Reader.open(volumeOf(8 * MiB, [directory("blob", ...names.map((name) => file(name, "")))]));
  const blobs = [...reader.walk()].find(({ path }) => path === "/blob")!;
  assert.deepEqual([...reader.list(blobs)].map(([name]) => name).slice(2), names);
  // 12 entries of 80 bytes in 1012, two dots in the first block.
  assert.equal(blobs.blocks.length, Math.ceil(500 / 12));
});

test("the journal is as large as mke2fs makes it, or as there is room", async () => {
  const journalOf = async (mib: number, contentMib: number): Promise<readonly [number, number]> => {
    const { superblock, blockSize, image } = await Ext4Reader.open(
      volumeOf(mib * MiB, [file("f", zeros(contentMib * MiB))]),
    );
    assert.equal(image.length, mib * MiB);
    if (superblock.journalInode === 0) return [0, superblock.orphanInode];
    const reader = new Ext4Reader(image);
    return [reader.inode(superblock.journalInode).sizeLow / blockSize, superblock.orphanInode];
  };
  assert.deepEqual(await journalOf(1, 0), [0, 0]);
  assert.deepEqual(await journalOf(2, 0), [1024, 12]);
  assert.deepEqual(await journalOf(4, 3), [0, 0]);
  assert.deepEqual(await journalOf(32, 20), [4096, 12]);
  assert.deepEqual(await journalOf(32, 26), [1024, 12]);
});

test("a file of several GiB is extents, not bytes", () => {
  const digest = sha256("layer");
  const image = ext4Volume(volumeOf(8 * GiB, [file("big", blob(digest, 5 * GiB + 1))]));
  assert.equal(image.size, 8 * GiB);
  let at = 0;
  for (const extent of image.extents) {
    if (extent.$case !== "blob") continue;
    assert.deepEqual([extent.digest, extent.offset], [digest, at]);
    at += extent.length;
  }
  assert.equal(at, 5 * GiB + 1);
  const inlineBytes = image.extents.reduce((sum, one) => sum + (one.$case === "inline" ? one.bytes.length : 0), 0);
  assert.ok(inlineBytes < 8 * MiB, `${inlineBytes} bytes of metadata`);
});

test("the order of the input does not matter", () => {
  const identity = (tree: readonly Ext4Entry[]) => ext4Volume(volumeOf(4 * MiB, tree)).identity;
  assert.equal(identity(CACHE), identity(CACHE.toReversed()));
});

/** Tree; smallest size in MiB with sectors of 512 and of 4096 bytes. */
const SMALLEST: readonly (readonly [readonly Ext4Entry[], number, number])[] = [
  [[], 1, 1],
  [[file("f", zeros(MiB))], 2, 2],
  [[file("f", zeros(3 * GiB))], 3131, 3131],
  [Array.from({ length: 2000 }, (_, i) => file(`f${i}`, "x")), 3, 9],
];

test("the smallest volume holds the tree, the next smaller one does not", () => {
  for (const [tree, small, large] of SMALLEST) {
    for (const [sectorSize, mib] of [
      [512, small],
      [4096, large],
    ] as const) {
      const size = ext4MinimumBytes({ tree, sectorSize });
      assert.equal(size, mib * MiB);
      ext4Volume({ ...volumeOf(size, tree), sectorSize });
      if (mib === 1) continue;
      assert.throws(() => ext4Volume({ ...volumeOf(size - MiB, tree), sectorSize }), { code: "no_space" });
    }
  }
});

test("larger blocks can make a larger volume too small", () => {
  const tree = Array.from({ length: 50_000 }, (_, i) => file(`f${i}`, zeros(9 * KiB)));
  assert.ok(ext4MinimumBytes({ tree }) < 512 * MiB);
  const needed = ext4MinimumBytes({ tree }, 512 * MiB);
  assert.ok(needed > 512 * MiB);
  assert.throws(() => ext4Volume(volumeOf(512 * MiB, tree)), {
    code: "no_space",
    message: `ext4: the tree does not fit into ${512 * MiB} bytes; a volume of ${needed} holds it`,
  });
});

const names = fc.stringMatching(/^[A-Za-z0-9._ +é]{0,40}[A-Za-z0-9]$/);
const modes = fc.nat(0o7777);
const trees = fc.letrec<{ entry: Ext4Entry; entries: Ext4Entry[] }>((tie) => ({
  entry: fc.oneof(
    { maxDepth: 3, depthIdentifier: "tree" },
    fc
      .record({ name: names, mode: modes, bytes: fc.uint8Array({ maxLength: 5000 }) })
      .map(({ name, mode, bytes }): Ext4Entry => ({ $case: "file", name, mode, content: inline(bytes) })),
    fc.record({ name: names, target: names }).map(({ name, target }) => link(name, target)),
    fc
      .record({ name: names, mode: modes, children: tie("entries") })
      .map((entry): Ext4Entry => ({ $case: "directory", ...entry })),
  ),
  entries: fc.uniqueArray(tie("entry"), { selector: (entry) => entry.name, maxLength: 12 }),
}));

async function contents(tree: readonly Ext4Entry[], folder = ""): Promise<(readonly [string, Uint8Array])[]> {
  const parts = tree.map(async (entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.$case === "directory") return contents(entry.children, path);
    return entry.$case === "file" ? [[path, await read(entry.content, NO_BLOBS)] as const] : [];
  });
  return (await Promise.all(parts)).flat();
}

test("property: an independent reader finds the tree again, in disjoint blocks", async () => {
  await fc.assert(
    fc.asyncProperty(trees.entries, async (tree) => {
      const reader = await Ext4Reader.open(volumeOf(4 * MiB, tree));
      const found = [...reader.walk()].filter(({ path }) => path !== "/lost+found");
      assert.deepEqual(found.map(describe).toSorted(), expected(tree).toSorted());
      const bodies = new Map(found.map(({ path, bytes }) => [path, bytes]));
      for (const [path, bytes] of await contents(tree)) assert.deepEqual(bodies.get(path), bytes);
      const blocks = [2, 8, 11, 12].flatMap((number) => reader.node(number, "").blocks);
      blocks.push(...found.flatMap((node) => node.blocks));
      assert.equal(new Set(blocks).size, blocks.length);
      // One more is the resize inode's.
      const { superblock } = reader;
      assert.equal(superblock.freeBlocks + blocks.length + 1, 4096 - (superblock.overheadBlocks - 1024));
      assert.equal(reader.group(0).directories, found.filter(isDirectory).length + 2);
    }),
    { numRuns: 30 },
  );
});
