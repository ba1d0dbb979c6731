import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GiB, KiB, MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { blob, concat, inline, place, type Recipe, read, slice, zeros } from "../../../src/extents/index.ts";
import { qcow2Image } from "../../../src/formats/qcow2/index.ts";
import { HEADER } from "../../../src/formats/qcow2/layout.ts";
import { noise } from "../../support/recipes.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

const COPIED = 1n << 63n;

async function table(image: Recipe, offset: number, entries: number): Promise<readonly bigint[]> {
  const bytes = Buffer.from(await read(image, NO_BLOBS, offset, entries * 8));
  return Array.from({ length: entries }, (_, i) => bytes.readBigUInt64BE(i * 8));
}

/** Reads the virtual disk back; every cluster must have one reference, and be used once. */
async function disk(image: Recipe): Promise<Uint8Array> {
  const header = HEADER.decode(await read(image, NO_BLOBS, 0, HEADER.size));
  const cluster = 2 ** header.clusterBits;
  const used = new Set<number>([0, header.refcountTableOffset / cluster]);
  const use = (entry: bigint): number => {
    assert.equal(entry & COPIED, COPIED);
    const offset = Number(entry - COPIED);
    assert.ok(offset % cluster === 0 && !used.has(offset / cluster));
    used.add(offset / cluster);
    return offset;
  };
  const out = new Uint8Array(header.virtualSize);
  for (let i = 0; i * cluster < header.l1Entries * 8; i++) used.add(header.l1Offset / cluster + i);
  const l1 = await table(image, header.l1Offset, header.l1Entries);
  for (const [i, l2Entry] of l1.entries()) {
    if (l2Entry === 0n) continue;
    const l2 = await table(image, use(l2Entry), cluster / 8);
    for (const [j, entry] of l2.entries()) {
      if (entry === 0n) continue;
      const at = (i * (cluster / 8) + j) * cluster;
      out.set((await read(image, NO_BLOBS, use(entry), cluster)).subarray(0, out.length - at), at);
    }
  }
  const blocks = await table(image, header.refcountTableOffset, (header.refcountTableClusters * cluster) / 8);
  for (const offset of blocks) if (offset !== 0n) used.add(Number(offset) / cluster);
  for (let i = 1; i < header.refcountTableClusters; i++) used.add(header.refcountTableOffset / cluster + i);
  const counts = await Promise.all(
    blocks.filter((offset) => offset !== 0n).map((offset) => read(image, NO_BLOBS, Number(offset), cluster)),
  );
  const expected = Buffer.alloc(counts.length * cluster);
  for (const one of used) expected.writeUInt16BE(1, one * 2);
  assert.ok(expected.equals(Buffer.concat(counts)));
  assert.equal(used.size * cluster, image.size);
  return out;
}

describe("qcow2Image", () => {
  it("says what the reference's converter says (outputs.md 4.2)", async () => {
    const image = qcow2Image(place(1246 * MiB, [{ offset: 5, content: inline(Uint8Array.of(1)) }]), 8 * KiB);
    const header = HEADER.decode(await read(image, NO_BLOBS, 0, HEADER.size));
    assert.deepEqual(
      { ...header, magicEnd: undefined },
      {
        magic: "QFI",
        magicEnd: undefined,
        version: 3,
        backingFile: undefined,
        clusterBits: 13,
        virtualSize: 1306525696,
        encryption: 0,
        l1Entries: 156,
        l1Offset: 24576,
        refcountTableOffset: 8192,
        refcountTableClusters: 1,
        snapshots: undefined,
        incompatibleFeatures: 0n,
        compatibleFeatures: 0n,
        autoclearFeatures: 0n,
        refcountOrder: 4,
        headerLength: 112,
        compressionType: 0,
        padding: undefined,
      },
    );
    assert.equal(image.size, 6 * 8 * KiB);
  });

  it("reads back as the disk, whatever the cluster size", async () => {
    for (const size of [0, 511, 512, 1 * MiB, 3 * MiB + 512]) {
      const quarter = size >>> 2;
      const parts = [
        { offset: 0, content: inline(noise(Math.min(quarter, 700))) },
        { offset: quarter, content: inline(new Uint8Array(Math.min(quarter, 100 * KiB))) },
        { offset: size - Math.min(quarter, 300), content: inline(noise(Math.min(quarter, 300))) },
      ];
      const whole = place(size, parts);
      const expected = Buffer.alloc(Math.ceil(size / 512) * 512);
      expected.set(await read(whole, NO_BLOBS));
      for (const cluster of [512, 1024, 8 * KiB, 64 * KiB, 2 * MiB]) {
        assert.ok(expected.equals(await disk(qcow2Image(whole, cluster))), `${size} ${cluster}`);
      }
    }
  });

  it("counts more clusters than one block of refcounts, and one table of blocks, has room for", async () => {
    const whole = inline(noise(9 * MiB));
    assert.ok(Buffer.from(await disk(qcow2Image(whole, 512))).equals(await read(whole, NO_BLOBS)));
  });

  it("keeps clusters of blobs as slices, and leaves out those of zeros", () => {
    const digest = sha256("a blob nobody can read");
    const whole = concat(zeros(1 * GiB), blob(digest, 100 * MiB, 3), zeros(9 * GiB));
    const image = qcow2Image(whole, 8 * KiB);
    const slices = image.extents.filter((extent) => extent.$case === "blob");
    assert.equal(
      slices.reduce((sum, { length }) => sum + length, 0),
      100 * MiB,
    );
    assert.equal(slices.length, Math.ceil(100 / 8));
    assert.ok(image.size < 101 * MiB);
    assert.equal(slice(image, image.size - 8 * KiB, 8 * KiB).extents[0]!.$case, "blob");
  });
});
