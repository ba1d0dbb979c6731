import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GiB, MiB } from "../../../src/bytes/align.ts";
import { Sha256Stream, sha256 } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { blob, extentsIn, inline, type Recipe, read } from "../../../src/extents/index.ts";
import { type XfsEntry, xfsVolume } from "../../../src/formats/xfs/index.ts";
import { freeSpaceHeader, inodeCore, inodeHeader, superblock } from "../../../src/formats/xfs/layout.ts";
import { NO_BLOBS } from "../../support/write-image.ts";
import { BOOT, directory, file } from "./trees.ts";
import { MKFS } from "./vectors.ts";

const BLOCK = 4096;
const GROUP_BLOCKS = 64_000;

function isZeros(image: Recipe, offset: number, length: number): boolean {
  return [...extentsIn(image, offset, length)].every((extent) => extent.$case === "zeros");
}

/** What `vectors.ts` holds digests of. */
async function blocksDigest(image: Recipe): Promise<string> {
  const hash = new Sha256Stream();
  const head = new Uint8Array(8);
  for (let block = 0; block * BLOCK < image.size; block++) {
    if (isZeros(image, block * BLOCK, BLOCK)) continue;
    const bytes = await read(image, NO_BLOBS, block * BLOCK, BLOCK);
    if (bytes.every((byte) => byte === 0)) continue;
    new DataView(head.buffer).setBigUint64(0, BigInt(block));
    hash.update(head).update(bytes);
  }
  return hash.digest().replace("sha256:", "");
}

test("every byte is as mkfs.xfs has it", async () => {
  for (const [features, sectorSize, mib, tree, digest] of MKFS) {
    const image = xfsVolume({ ...BOOT, features, sectorSize, sizeBytes: mib * MiB, tree });
    assert.equal(await blocksDigest(image), digest, `${features}, ${sectorSize}, ${mib} MiB`);
  }
});

async function inode(image: Recipe, number: number) {
  const offset = Math.floor(number / (8 * 65_536)) * GROUP_BLOCKS * BLOCK + (number % (8 * 65_536)) * 512;
  return inodeCore.decode(await read(image, NO_BLOBS, offset, inodeCore.size));
}

test("files follow one another, directories go round the groups", async () => {
  const image = xfsVolume({
    ...BOOT,
    tree: ["a", "b", "c", "d", "e"].map((name) => directory(name, 0o755, file("f", "text"))),
  });
  const modes = [];
  for (const group of [0, 1, 2, 3]) modes.push((await inode(image, group * 8 * 65_536 + 128)).mode);
  // The third group's log takes the place where the first inodes of others are.
  assert.deepEqual(modes, [0o040755, 0o040755, 0, 0o040755]);
  const fifth = await inode(image, 133);
  assert.deepEqual([fifth.mode, fifth.links, fifth.sizeBytes], [0o040755, 2, 6 + 8 + 1]);
});

test("a file of 9 GiB is two extents, and no bytes of it are held", () => {
  const content = blob(sha256("big"), 9 * GiB + 1);
  const image = xfsVolume({ ...BOOT, sizeBytes: 48 * GiB, tree: [file("big", content)] });
  const parts = image.extents.filter((extent) => extent.$case === "blob");
  assert.deepEqual(
    parts.map(({ offset, length }) => [offset, length]),
    [[0, 9 * GiB + 1]],
  );
  assert.equal(image.size, 48 * GiB);
});

test("a file larger than a group goes on in the next", async () => {
  const content = blob(sha256("initramfs"), 400 * MiB);
  const image = xfsVolume({ ...BOOT, features: "lts_6.12", tree: [file("initramfs", content)] });
  const starts = image.extents.flatMap(({ $case }, i) => ($case === "blob" ? [image.starts[i]! / BLOCK] : []));
  assert.deepEqual(starts, [24, GROUP_BLOCKS + 13]);
  assert.equal((await inode(image, 131)).largeExtents, 2);
});

test("little is held in memory", () => {
  let held = 0;
  for (const extent of xfsVolume(BOOT).extents) if (extent.$case === "inline") held += extent.bytes.length;
  assert.ok(held < 256 * 1024, `${held} bytes`);
});

test("the order of the input does not matter", () => {
  const reversed = BOOT.tree
    .map((entry) => (entry.$case === "directory" ? { ...entry, children: entry.children.toReversed() } : entry))
    .toReversed();
  assert.equal(xfsVolume({ ...BOOT, tree: reversed }).identity, xfsVolume(BOOT).identity);
});

test("names are ordered by their bytes", () => {
  const image = xfsVolume({ ...BOOT, tree: [file("\u{1f600}", "astral"), file("\uff01", "basic")] });
  const texts = image.extents.flatMap((extent) => (extent.$case === "inline" ? [Buffer.from(extent.bytes)] : []));
  const all = Buffer.concat(texts);
  assert.ok(all.indexOf("basic") < all.indexOf("astral"));
});

const names = fc.stringMatching(/^[a-zé]{1,40}$/);
const trees = fc.letrec<{ entry: XfsEntry; entries: XfsEntry[] }>((tie) => ({
  entry: fc.oneof(
    { maxDepth: 3, depthIdentifier: "tree" },
    fc.record({ name: names, size: fc.nat(300_000) }).map(({ name, size }) => file(name, inline(new Uint8Array(size)))),
    fc
      .record({ name: names, children: tie("entries") })
      .map(({ name, children }) => directory(name, 0o700, ...children)),
  ),
  entries: fc.uniqueArray(tie("entry"), { selector: (entry) => entry.name, maxLength: 60 }),
}));

async function counts(image: Recipe, group: number): Promise<number[]> {
  const at = group * GROUP_BLOCKS * BLOCK;
  const agf = freeSpaceHeader.decode(await read(image, NO_BLOBS, at + 512, 512));
  const agi = inodeHeader.decode(await read(image, NO_BLOBS, at + 1024, 512));
  return [agf.freeBlocks + agf.listCount + agf.treeBlocks, agi.inodes, agi.freeInodes];
}

function flatten(tree: readonly XfsEntry[]): readonly XfsEntry[] {
  return tree.flatMap((entry) => (entry.$case === "file" ? [entry] : [entry, ...flatten(entry.children)]));
}

test("property: nothing overlaps, and the superblock counts what the groups count", async () => {
  await fc.assert(
    fc.asyncProperty(trees.entries, fc.constantFrom("lts_6.1", "lts_6.18"), async (tree, features) => {
      const image = xfsVolume({ ...BOOT, features, tree });
      const sums = [0, 0, 0];
      for (const group of [0, 1, 2, 3]) for (const [i, n] of (await counts(image, group)).entries()) sums[i]! += n;
      const { freeBlocks, inodes, freeInodes } = superblock.decode(await read(image, NO_BLOBS, 0, superblock.size));
      assert.deepEqual([freeBlocks, inodes, freeInodes], sums);
      // The root and the two realtime inodes are there without being asked for.
      assert.equal(inodes - freeInodes, 3 + flatten(tree).length);
    }),
    { numRuns: 20 },
  );
});

test("text of a file stands in its block, the rest of that is zeros", async () => {
  const image = xfsVolume({ ...BOOT, tree: [file("note", "text")] });
  const bytes = await read(image, NO_BLOBS, 13 * BLOCK, BLOCK);
  assert.deepEqual(bytes.subarray(0, 5), utf8("text\0"));
});
