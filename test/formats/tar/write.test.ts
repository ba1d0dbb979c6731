import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GiB, KiB, MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { blob, concat, inline, type Recipe, read, zeros } from "../../../src/extents/index.ts";
import { type TarFile, tarArchive } from "../../../src/formats/tar/index.ts";
import { MemoryBlobs, noise } from "../../support/recipes.ts";

const FILE = { name: "disk.raw", mode: 0o644, mtime: 1559424892 } as const;
const blobs = new MemoryBlobs();

async function archived(...files: readonly TarFile[]): Promise<Buffer> {
  return Buffer.from(await read(tarArchive(files), blobs));
}

/** The fields of a header block as text: name, mode, uid, gid, size, mtime, checksum, type, magic, owner names. */
function fields(block: Buffer): readonly string[] {
  const places = [0, 100, 108, 116, 124, 136, 148, 156, 257, 265, 297];
  const ends = [100, 108, 116, 124, 136, 148, 156, 157, 265, 297, 329];
  return places.map((at, i) => block.toString("latin1", at, ends[i]).replace(/\0+$/, ""));
}

/** The offsets and lengths of `count` entries of a sparse map. */
function ranges(block: Buffer, at: number, count: number): readonly (readonly [number, number])[] {
  const octal = (from: number): number => Number.parseInt(block.toString("latin1", from, from + 11), 8);
  return Array.from({ length: count }, (_, i) => [octal(at + 24 * i), octal(at + 24 * i + 12)] as const);
}

describe("tarArchive", () => {
  it("writes files as GNU tar does, up to a whole record", async () => {
    const owner = { user: "root", group: "wheel" };
    const bytes = await archived({ ...FILE, content: inline(utf8("hello")) }, { ...FILE, owner, content: zeros(0) });
    assert.equal(bytes.length, 10_240);
    const common = ["disk.raw", "0000644", "0000000", "0000000"];
    const size = ["00000000005", "13474567574"];
    assert.deepEqual(fields(bytes), [...common, ...size, "007432\0 ", "0", "ustar  ", "", ""]);
    assert.equal(bytes.toString("latin1", 512, 518), "hello\0");
    assert.deepEqual(fields(bytes.subarray(1024)).slice(-2), ["root", "wheel"]);
    assert.ok(bytes.subarray(1536).every((byte) => byte === 0));
  });

  it("leaves out the holes of a sparse file and tells where they were", async () => {
    const data = inline(noise(4 * KiB));
    const content = concat(zeros(MiB), data, zeros(8 * KiB), data, zeros(GiB));
    const bytes = await archived({ ...FILE, content, sparse: true });
    assert.equal(fields(bytes)[4], (8 * KiB).toString(8).padStart(11, "0"));
    assert.equal(fields(bytes)[7], "S");
    const map = [[MiB, 4 * KiB] as const, [MiB + 12 * KiB, 4 * KiB] as const, [content.size, 0] as const];
    assert.deepEqual(ranges(bytes, 386, 3), map);
    assert.deepEqual([bytes[482], Number.parseInt(bytes.toString("latin1", 483, 494), 8)], [0, content.size]);
    assert.ok(bytes.subarray(512, 512 + 4 * KiB).equals(noise(4 * KiB)));
  });

  it("continues a long map in blocks of its own", async () => {
    const parts = Array.from({ length: 30 }, (_, i) => concat(inline(noise(4 * KiB, i + 1)), zeros(4 * KiB)));
    const bytes = await archived({ ...FILE, content: concat(...parts), sparse: true });
    const all = Array.from({ length: 30 }, (_, i) => [i * 8 * KiB, 4 * KiB] as const);
    assert.deepEqual([bytes[482], bytes[512 + 504], bytes[1024 + 504]], [1, 1, 0]);
    const read = [...ranges(bytes, 386, 4), ...ranges(bytes, 512, 21), ...ranges(bytes, 1024, 6)];
    assert.deepEqual(read, [...all, [30 * 8 * KiB, 0]]);
  });

  it("has no map where there is no hole: a hole is a whole page of zeros", async () => {
    for (const content of [inline(noise(10 * KiB)), concat(inline(noise(KiB)), zeros(4 * KiB), inline(noise(KiB)))]) {
      assert.equal(fields(await archived({ ...FILE, content, sparse: true }))[7], "0");
      assert.equal(fields(await archived({ ...FILE, content: concat(content, zeros(MiB)) }))[7], "0");
    }
  });

  it("says sizes of 8 GiB and more in base 256", async () => {
    const content: Recipe = concat(zeros(8 * GiB), blob(blobs.add(noise(512)), 512));
    const bytes = await archived({ ...FILE, content, sparse: true });
    assert.equal(bytes.toString("hex", 386, 398), "800000000000000200000000");
    assert.equal(bytes.toString("hex", 483, 495), "800000000000000200000200");
  });

  it("reads no blob", () => {
    const body = blob(sha256("a blob nobody can read"), 3 * MiB);
    const archive = tarArchive([{ ...FILE, content: concat(body, zeros(GiB)), sparse: true }]);
    assert.ok(archive.extents.some((extent) => extent.$case === "blob" && extent.length === 3 * MiB));
    assert.equal(archive.size % 10_240, 0);
  });
});
