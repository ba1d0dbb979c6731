import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { constants, deflateRawSync, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { GiB, KiB, MiB } from "../../../src/bytes/align.ts";
import { crc32, crc32OfZeros } from "../../../src/bytes/crc32.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { concatBytes, utf8 } from "../../../src/bytes/text.ts";
import { blob, concat, inline, type Recipe, read, zeros } from "../../../src/extents/index.ts";
import { deflateStored, type GzipPart, gzipMember } from "../../../src/formats/gzip/index.ts";
import { anyRecipe, MemoryBlobs, noise } from "../../support/recipes.ts";

const blobs = new MemoryBlobs();

async function stored(content: Recipe): Promise<GzipPart> {
  return { deflate: deflateStored(content), size: content.size, crc32: crc32(await read(content, blobs)) };
}

function deflated(bytes: Uint8Array): GzipPart {
  const deflate = inline(deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }));
  return { deflate, size: bytes.length, crc32: crc32(bytes) };
}

async function hex(whole: Recipe): Promise<string> {
  return Buffer.from(await read(whole, blobs)).toString("hex");
}

describe("deflateStored", () => {
  it("writes text as one stored block, zeros as one block of matches", async () => {
    assert.equal(await hex(deflateStored(inline(utf8("hi")))), "000200fdff6869");
    assert.equal(deflateStored(zeros(0)).size, 0);
    // Codes, the byte 0 and the first of eight matches of 258 bytes; a byte of matches; end, and an empty stored block.
    assert.equal(await hex(deflateStored(zeros(1 + 8 * 258))), "ecc101010000008090feafee0802" + "00" + "180000ffff");
  });

  it("decodes to the content, at every size around its limits", async () => {
    const sizes = [1, 2047, 2048, 2049, 2065, 2066, 2322, 2323, 2324, 2580, 2581, 65_534, 65_535, 65_536, MiB];
    for (const size of sizes) {
      for (const content of [
        zeros(size),
        concat(inline(utf8("x")), zeros(size), inline(utf8("y"))),
        inline(noise(size)),
      ]) {
        const bytes = gunzipSync(await read(gzipMember([await stored(content)]), blobs));
        assert.ok(bytes.equals(await read(content, blobs)), String(size));
      }
    }
  });

  it("keeps bodies as slices of their blob and zeros as zeros", () => {
    const body = blob(sha256("a blob nobody can read"), 10 * MiB);
    const deflate = deflateStored(concat(body, zeros(100 * GiB)));
    const slices = deflate.extents.filter(({ $case }) => $case === "blob");
    const held = deflate.extents.reduce(
      (sum, extent) => sum + (extent.$case === "inline" ? extent.bytes.length : 0),
      0,
    );
    assert.equal(slices.length, Math.ceil(body.size / 65_535));
    assert.ok(held < 2 * KiB, String(held));
    assert.ok(deflate.size < body.size + held + (100 * GiB) / 1032);
  });
});

describe("gzipMember", () => {
  it("writes nothing as gzip -n does, and a name where there is one", async () => {
    assert.equal(await hex(gzipMember([])), "1f8b0800000000000003" + "0300" + "0000000000000000");
    const named = await hex(gzipMember([], { name: "metal-amd64.raw" }));
    assert.ok(named.startsWith(`1f8b0808000000000003${Buffer.from("metal-amd64.raw\0").toString("hex")}0300`), named);
  });

  it("counts beyond 2^32", async () => {
    const run = 5 * GiB;
    const member = gzipMember([{ deflate: deflateStored(zeros(run)), size: run, crc32: crc32OfZeros(run) }]);
    const trailer = Buffer.from(await read(member, blobs, member.size - 8, 8));
    assert.deepEqual([trailer.readUInt32LE(0), trailer.readUInt32LE(4)], [crc32OfZeros(run), run % 2 ** 32]);
  });

  it("is one member, whatever its parts are made of", async () => {
    const plain = fc.array(anyRecipe(blobs, 100 * KiB), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(plain, fc.uint8Array({ maxLength: 3000 }), async (contents, packed) => {
        const parts = [...(await Promise.all(contents.map(stored))), deflated(packed)];
        const whole = await read(gzipMember([...parts, ...parts]), blobs);
        const content = concatBytes(...(await Promise.all(contents.map((one) => read(one, blobs)))), packed);
        assert.ok(gunzipSync(whole).equals(concatBytes(content, content)));
      }),
      { numRuns: 40 },
    );
  });
});
