import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GiB, MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { blob, read } from "../../../src/extents/index.ts";
import { type FatEntry, fat12Floppy, fat32Volume } from "../../../src/formats/fat/index.ts";
import { FatReader } from "../../support/fat-reader.ts";
import { directory, file } from "../../support/fat-tree.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

const EPOCH = 1_559_424_892;

async function volume(sizeBytes: number, tree: readonly FatEntry[]): Promise<FatReader> {
  return new FatReader(await read(fat32Volume({ sizeBytes, label: "EFI", mtime: EPOCH, tree }), NO_BLOBS));
}

const ESP_TREE = [
  directory("loader", file("random-seed", "\0".repeat(32), true), file("loader.conf", "timeout 10\n")),
  directory("EFI", directory("Linux", file("Talos-v1.14.0.efi", "U".repeat(1500))), directory("BOOT")),
];

test("an ESP: order, clusters, attributes and stamps", async () => {
  const reader = await volume(40 * MiB, ESP_TREE);
  const found = [...reader.walk()].map((entry) => [entry.path, entry.attributes, entry.clusters]);
  assert.deepEqual(found, [
    ["/EFI", 0x10, [3]],
    ["/EFI/BOOT", 0x10, [4]],
    ["/EFI/Linux", 0x10, [5]],
    ["/EFI/Linux/Talos-v1.14.0.efi", 0x20, [6, 7, 8]],
    ["/loader", 0x10, [9]],
    ["/loader/loader.conf", 0x20, [10]],
    ["/loader/random-seed", 0x21, [11]],
  ]);
  for (const { date, time, path } of reader.walk()) {
    // 2019-06-01 21:34:52
    assert.deepEqual([date, time], [(39 << 9) | (6 << 5) | 1, (21 << 11) | (34 << 5) | 26], path);
  }
});

test("reserved area: backup, FSInfo now and as it was when empty", async () => {
  const reader = await volume(40 * MiB, ESP_TREE);
  const { image, boot } = reader;
  assert.deepEqual(image.subarray(0, 512), image.subarray(6 * 512, 7 * 512));
  assert.deepEqual([...image.subarray(0, 11)], [0xeb, 0x58, 0x90, ...utf8("mkfs.fat")]);
  assert.deepEqual([...image.subarray(64, 71)], [0x80, 0, 0x29, 0xcd, 0xab, 0x34, 0x12]);
  assert.deepEqual([boot.label, boot.totalSectors16, boot.totalSectors32], ["EFI", 0, 81920]);
  const clusters = 81920 - 32 - 2 * boot.sectorsPerFat32;
  assert.deepEqual([reader.info().freeClusters, reader.info().lastAllocated], [clusters - 10, 11]);
  assert.deepEqual([reader.info(true).freeClusters, reader.info(true).lastAllocated], [clusters - 1, 2]);
});

test("few sectors are counted in the 16-bit field", async () => {
  const { boot } = await volume(32 * MiB - 512 * 32, []);
  assert.deepEqual([boot.totalSectors16, boot.totalSectors32], [65504, 0]);
});

test("both tables are equal; the root's chain ends as mkfs.fat writes it, others with all ones", async () => {
  const reader = await volume(40 * MiB, ESP_TREE);
  assert.deepEqual(reader.table(0), reader.table(1));
  const entries = Array.from({ length: 13 }, (_, i) => reader.entry(i));
  const end = 0x0fffffff;
  assert.deepEqual(entries, [0x0ffffff8, end, 0x0ffffff8, end, end, end, 7, 8, end, end, end, end, 0]);
});

test("the label entry has its fixed stamp, dots point home, first-level dots to 0", async () => {
  const reader = await volume(40 * MiB, ESP_TREE);
  assert.equal(
    Buffer.from(reader.body([2]).subarray(0, 32)).toString("hex"),
    "454649202020202020202008" + "0000" + "5a4b6e466e46" + "0000" + "5a4b6e46" + "0000" + "00000000",
  );
  const dots = (cluster: number): number[] => {
    const body = reader.body([cluster]);
    return [body[26]!, body[32 + 26]!];
  };
  assert.deepEqual(dots(3), [3, 0]);
  assert.deepEqual(dots(5), [5, 3]);
});

test("a directory that overflows takes its next cluster before the entry's own content", async () => {
  const files = Array.from({ length: 20 }, (_, i) => file(`f${String(i).padStart(2, "0")}`, "x"));
  const reader = await volume(40 * MiB, [directory("d", ...files)]);
  const [found] = [...reader.walk()];
  // Two dots and 14 files fill the first 512-byte cluster; files take clusters 4 to 17.
  assert.deepEqual(found!.clusters, [3, 18]);
  assert.deepEqual(reader.chain(2), [2]);
});

test("empty files have no cluster", async () => {
  const reader = await volume(40 * MiB, [file("empty", "")]);
  assert.deepEqual(
    [...reader.walk()].map((entry) => entry.clusters),
    [[]],
  );
});

test("a file of 4 GiB - 1 is an extent, not bytes", () => {
  const content = blob(sha256("kernel"), 4 * GiB - 1);
  const image = fat32Volume({
    sizeBytes: 8 * GiB,
    label: "EFI",
    mtime: EPOCH,
    tree: [{ $case: "file", name: "big", content }],
  });
  assert.equal(image.size, 8 * GiB);
  assert.ok(image.extents.some((extent) => extent.$case === "blob" && extent.length === 4 * GiB - 1));
});

test("the order of the input does not matter", () => {
  const make = (tree: readonly FatEntry[]) => fat32Volume({ sizeBytes: 40 * MiB, label: "EFI", mtime: EPOCH, tree });
  assert.equal(make(ESP_TREE).identity, make(ESP_TREE.toReversed()).identity);
});

const names = fc.stringMatching(/^[A-Za-z0-9._ +é]{0,20}[A-Za-z0-9]$/);
const trees = fc.letrec<{ entry: FatEntry; entries: FatEntry[] }>((tie) => ({
  entry: fc.oneof(
    { maxDepth: 3, depthIdentifier: "tree" },
    fc.record({ name: names, text: fc.string({ maxLength: 2000 }) }).map(({ name, text }) => file(name, text)),
    fc.record({ name: names, children: tie("entries") }).map(({ name, children }) => directory(name, ...children)),
  ),
  entries: fc.uniqueArray(tie("entry"), { selector: (entry) => entry.name.toUpperCase(), maxLength: 12 }),
}));

function flatten(tree: readonly FatEntry[], folder = ""): string[] {
  return tree.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.$case === "file" ? [`${path} ${entry.content.size}`] : [path, ...flatten(entry.children, path)];
  });
}

/** Checks that all of `tree` is there and shares no cluster; gives the clusters of all entries. */
function assertHolds(reader: FatReader, tree: readonly FatEntry[]): readonly number[] {
  const found = [...reader.walk()];
  const listed = found.map(({ path, attributes, bytes }) => (attributes & 0x10 ? path : `${path} ${bytes.length}`));
  assert.deepEqual(listed.toSorted(), flatten(tree).toSorted());
  const clusters = found.flatMap((entry) => entry.clusters);
  assert.equal(new Set(clusters).size, clusters.length);
  return clusters;
}

test("property: an independent reader finds the tree again, with disjoint clusters", async () => {
  await fc.assert(
    fc.asyncProperty(trees.entries, async (tree) => {
      const reader = await volume(4 * MiB, tree);
      const root = reader.chain(2);
      const clusters = assertHolds(reader, tree);
      assert.ok(!clusters.some((cluster) => root.includes(cluster)));
      assert.equal(reader.info().freeClusters + clusters.length + root.length, reader.info(true).freeClusters + 1);
      assertHolds(new FatReader(await read(fat12Floppy({ mtime: EPOCH, tree }), NO_BLOBS)), tree);
    }),
    { numRuns: 30 },
  );
});
