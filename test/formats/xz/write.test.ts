import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { GiB, KiB, MiB } from "../../../src/bytes/align.ts";
import { crc32 } from "../../../src/bytes/crc32.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { type BlobReader, blob, concat, inline, type Recipe, read, stream, zeros } from "../../../src/extents/index.ts";
import { XZ_BLOCK_BYTES, xzBlocks, xzStored } from "../../../src/formats/xz/index.ts";
import { createFallbackCodec } from "../../../src/workers/codec.ts";
import { gathered } from "../../../src/workers/codec-limits.ts";
import { anyRecipe, MemoryBlobs, noise } from "../../support/recipes.ts";

const codec = createFallbackCodec();
const blobs = new MemoryBlobs();

async function stored(content: Recipe, from: BlobReader = blobs): Promise<Recipe> {
  const checks: (number | undefined)[] = [];
  for (const block of xzBlocks(content)) {
    checks.push(block.check ?? crc32(await read(content, from, block.offset, block.length)));
  }
  return xzStored(content, checks);
}

async function assertDecodes(content: Recipe): Promise<void> {
  const decoded = await gathered(codec.unxz(stream(await stored(content), blobs)));
  assert.ok(Buffer.from(await read(content, blobs)).equals(decoded));
}

describe("xzStored", () => {
  it("writes nothing as xz does: header, empty index, footer", async () => {
    const bytes = await read(await stored(zeros(0)), blobs);
    const expected = "fd377a585a0000016922de36 000000001cdf4421 9042990d010000000001595a";
    assert.equal(Buffer.from(bytes).toString("hex"), expected.replaceAll(" ", ""));
  });

  it("writes text as one uncompressed chunk", async () => {
    const bytes = Buffer.from(await read(await stored(inline(utf8("hi"))), blobs)).toString("hex");
    // Block header (12 bytes, sizes 6 and 2, LZMA2 with 64 KiB), chunk, end, padding, CRC32.
    assert.match(bytes.slice(24), /^02c0060221010800/);
    assert.ok(bytes.includes("010001686900"), bytes);
  });

  it("decodes to the content, at every size around its limits", async () => {
    for (const size of [1, 2, 17, 18, 19, 255, 256, 257, 274, 275, 292, 64 * KiB, 2 * MiB, 2 * MiB + 1, 2 * MiB + 18]) {
      await assertDecodes(zeros(size));
      await assertDecodes(concat(inline(utf8("x")), zeros(size), inline(utf8("y"))));
    }
    for (const size of [64 * KiB - 1, 64 * KiB, 64 * KiB + 1, XZ_BLOCK_BYTES, XZ_BLOCK_BYTES + 1]) {
      await assertDecodes(inline(noise(size)));
    }
    await assertDecodes(concat(inline(noise(XZ_BLOCK_BYTES - 300)), zeros(2 * XZ_BLOCK_BYTES), inline(noise(5))));
  });

  it("decodes to the content, whatever it is made of", async () => {
    await fc.assert(fc.asyncProperty(anyRecipe(blobs, 300 * KiB), assertDecodes), { numRuns: 40 });
  });

  it("keeps bodies as slices of their blob and zeros small", async () => {
    const digest = sha256("a blob nobody can read");
    const content = concat(zeros(2 * GiB), blob(digest, 10 * MiB));
    const result = xzStored(
      content,
      xzBlocks(content).map(() => 0),
    );
    const kept = result.extents.reduce((sum, extent) => sum + (extent.$case === "blob" ? extent.length : 0), 0);
    assert.equal(kept, 10 * MiB);
    assert.ok(result.size < 10 * MiB + 500 * KiB, `${result.size} bytes`);
    assert.ok(result.extents.length < 1000, `${result.extents.length} extents`);
  });

  it("gives the same bytes again", async () => {
    const content = concat(inline(noise(70_000)), zeros(5000), inline(noise(10)));
    assert.equal((await stored(content)).identity, (await stored(content)).identity);
  });

  it("may be put one after another", async () => {
    const whole = concat(await stored(inline(utf8("a"))), await stored(zeros(0)), await stored(zeros(999)));
    const decoded = await gathered(codec.unxz(stream(whole, blobs)));
    assert.deepEqual(decoded, await read(concat(inline(utf8("a")), zeros(999)), blobs));
  });
});

describe("xzBlocks", () => {
  it("cuts every 8 MiB and knows the checks of zeros", async () => {
    const content = concat(inline(noise(5)), zeros(2 * XZ_BLOCK_BYTES + 100));
    const blocks = xzBlocks(content);
    assert.deepEqual(
      blocks.map(({ offset, length }) => [offset, length]),
      [
        [0, XZ_BLOCK_BYTES],
        [XZ_BLOCK_BYTES, XZ_BLOCK_BYTES],
        [2 * XZ_BLOCK_BYTES, 105],
      ],
    );
    assert.deepEqual(
      blocks.map((block) => block.check),
      [undefined, crc32(new Uint8Array(XZ_BLOCK_BYTES)), crc32(new Uint8Array(105))],
    );
  });
});

describe("xzStored, checks", () => {
  const content = concat(inline(noise(10)), zeros(XZ_BLOCK_BYTES));
  it("refuses a missing one, and one too many", () => {
    assert.throws(() => xzStored(content, []), { code: "xz_checks", message: /blockChecks\[0\]/ });
    assert.throws(() => xzStored(content, [1, 2, 3]), { code: "xz_checks", message: /3 are given for 2 blocks/ });
  });

  it("needs none for zeros", () => {
    assert.equal(xzStored(content, [1]).size, xzStored(content, [1, undefined]).size);
  });

  it("writes the given one, which a decoder then judges", async () => {
    const wrong = xzStored(inline(utf8("hi")), [crc32(utf8("ho"))]);
    await assert.rejects(gathered(codec.unxz(stream(wrong, blobs))), { code: "codec_damaged" });
  });
});
