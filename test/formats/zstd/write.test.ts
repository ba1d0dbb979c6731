import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { GiB, KiB, MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { blob, concat, extentLength, inline, type Recipe, read, stream, zeros } from "../../../src/extents/index.ts";
import { frameLength, inspectFrame, type StoredOptions, zstdStored } from "../../../src/formats/zstd/index.ts";
import { createFallbackCodec } from "../../../src/workers/codec.ts";
import { gathered } from "../../../src/workers/codec-limits.ts";
import { anyRecipe, MemoryBlobs, noise } from "../../support/recipes.ts";

const codec = createFallbackCodec();
const blobs = new MemoryBlobs();

async function hex(content: Recipe, options?: StoredOptions): Promise<string> {
  return Buffer.from(await read(zstdStored(content, options), blobs)).toString("hex");
}

// Written out by hand from RFC 8878: magic, descriptor, window 0x38, content size, blocks.
const VECTORS: readonly (readonly [name: string, content: Recipe, hex: string])[] = [
  ["nothing", zeros(0), "28b52ffd803800000000010000"],
  ["text", inline(utf8("hi")), "28b52ffd8038020000001100006869"],
  ["zeros as one RLE block", zeros(256), "28b52ffd4038000003080000"],
  ["zeros above a block", zeros(128 * KiB + 64), "28b52ffd8038400002000200100003020000"],
  ["few zeros stay raw", zeros(63), `28b52ffd80383f000000f90100${"00".repeat(63)}`],
];

describe("zstdStored", () => {
  for (const [name, content, expected] of VECTORS) {
    it(`writes ${name}`, async () => assert.equal(await hex(content), expected));
  }

  it("leaves the content size out when asked", async () => {
    assert.equal(await hex(inline(utf8("hi")), { contentSize: false }), "28b52ffd00381100006869");
  });

  it("says the content size in the narrowest form that can", () => {
    const SIZES: [size: number, header: number][] = [
      [255, 10],
      [256, 8],
      [65_791, 8],
      [65_792, 10],
      [4 * GiB - 1, 10],
      [4 * GiB, 14],
    ];
    for (const [size, header] of SIZES) {
      assert.equal(zstdStored(zeros(size)).size, header + 4 * Math.ceil(size / (128 * KiB)), `${size} bytes`);
    }
  });

  it("keeps bodies as slices of their blob", async () => {
    const digest = sha256("a blob nobody can read");
    const stored = zstdStored(concat(inline(utf8("head")), blob(digest, 300 * KiB, 5), inline(utf8("tail"))));
    const slices = stored.extents.filter((extent) => extent.$case === "blob");
    assert.deepEqual(
      slices.map((extent) => [extent.offset, extent.length]),
      [
        [5, 128 * KiB - 4],
        [5 + 128 * KiB - 4, 128 * KiB],
        [5 + 256 * KiB - 4, 44 * KiB + 4],
      ],
    );
  });

  it("makes a 2 GiB disk small, quickly, and of few extents", () => {
    const digest = sha256("kernel");
    const disk = concat(inline(noise(512)), zeros(MiB), blob(digest, 10 * MiB), zeros(2 * GiB), inline(noise(512)));
    const start = performance.now();
    const stored = zstdStored(disk);
    assert.ok(performance.now() - start < 50);
    assert.ok(stored.size < 10 * MiB + 80 * KiB, `${stored.size} bytes`);
    assert.ok(stored.extents.length < 200, `${stored.extents.length} extents`);
  });

  it("decodes to the content, whatever it is made of", async () => {
    await fc.assert(
      fc.asyncProperty(anyRecipe(blobs, 300 * KiB), fc.boolean(), async (content, contentSize) => {
        const stored = zstdStored(content, { contentSize });
        const decoded = await gathered(codec.unzstd(stream(stored, blobs)));
        assert.ok(Buffer.from(await read(content, blobs)).equals(decoded));
        const info = inspectFrame(await read(stored, blobs));
        assert.ok(info.$case === "frame" && info.length === stored.size && info.windowSize === 128 * KiB);
        assert.equal(info.contentSize, contentSize ? content.size : undefined);
        const data = content.extents.reduce((sum, extent) => sum + extentLength(extent), 0);
        assert.ok(info.blocks <= 2 * content.extents.length + data / (128 * KiB) + 1);
      }),
      { numRuns: 40 },
    );
  });

  it("may be put one after another", async () => {
    const whole = concat(zstdStored(inline(utf8("a"))), zstdStored(zeros(1000)), zstdStored(inline(utf8("b"))));
    const decoded = await gathered(codec.unzstd(stream(whole, blobs)));
    assert.deepEqual(decoded, await read(concat(inline(utf8("a")), zeros(1000), inline(utf8("b"))), blobs));
    assert.ok(frameLength(await read(whole, blobs)) < whole.size);
  });
});
