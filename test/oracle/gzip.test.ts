import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { KiB, MiB } from "../../src/bytes/align.ts";
import { crc32 } from "../../src/bytes/crc32.ts";
import { concat, inline, type Recipe, read, zeros } from "../../src/extents/index.ts";
import { deflateStored, type GzipPart, gzipMember } from "../../src/formats/gzip/index.ts";
import { tarArchive } from "../../src/formats/tar/index.ts";
import { anyRecipe, MemoryBlobs, noise } from "../support/recipes.ts";

const blobs = new MemoryBlobs();

/** Readers of a gzip file on their input. */
const DECODERS: readonly (readonly string[])[] = [
  ["gzip", "-dc"],
  ["pigz", "-dc"],
  ["python3", "-c", "import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))"],
  ["bsdcat"],
];

function run([tool, ...args]: readonly string[], input: Uint8Array): Buffer {
  const result = spawnSync(tool!, args, { input, maxBuffer: 256 * MiB });
  assert.equal(result.status, 0, `${tool} ${args.join(" ")}: ${result.error?.message ?? result.stderr}`);
  return result.stdout;
}

async function stored(content: Recipe): Promise<GzipPart> {
  return { deflate: deflateStored(content), size: content.size, crc32: crc32(await read(content, blobs)) };
}

function deflated(bytes: Uint8Array): GzipPart {
  const deflate = inline(deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }));
  return { deflate, size: bytes.length, crc32: crc32(bytes) };
}

describe("gzip, pigz, python and libarchive judge", () => {
  it("a stitched member, random or with all there is", async () => {
    const text = Buffer.from("some metadata ".repeat(10_000));
    const long = [inline(noise(300 * KiB)), zeros(40 * MiB), concat(inline(noise(9)), zeros(2047)), zeros(2048)];
    const parts = [deflated(text), ...(await Promise.all(long.map(stored))), deflated(text)];
    const expected = Buffer.concat([text, ...(await Promise.all(long.map((one) => read(one, blobs)))), text]);
    const member = await read(gzipMember(parts, { name: "disk.raw" }), blobs);
    for (const decoder of DECODERS) assert.ok(run(decoder, member).equals(expected), decoder[0]);
    assert.match(run(["gzip", "-lvN"], member).toString(), new RegExp(`${crc32(expected).toString(16)} .* disk\\.raw`));
    await fc.assert(
      fc.asyncProperty(anyRecipe(blobs, 300 * KiB), async (content) => {
        const whole = await read(gzipMember([await stored(content)]), blobs);
        const plain = await read(content, blobs);
        for (const decoder of DECODERS) assert.ok(run(decoder, whole).equals(plain), decoder[0]);
      }),
      { numRuns: 8 },
    );
  });
});

describe("GNU tar and libarchive judge", () => {
  it("sparse files with short and long maps", async () => {
    const page = (seed: number): Recipe => concat(inline(noise(4 * KiB, seed)), zeros(60 * KiB));
    const pages = (count: number): readonly Recipe[] => Array.from({ length: count }, (_, i) => page(i + 1));
    const contents = [zeros(MiB), concat(...pages(3)), concat(...pages(4), inline(noise(100))), concat(...pages(50))];
    for (const content of contents) {
      const archive = await read(
        tarArchive([{ name: "disk.raw", mode: 0o644, mtime: 1559424892, content, sparse: true }]),
        blobs,
      );
      const plain = await read(content, blobs);
      for (const tar of ["tar", "bsdtar"]) {
        assert.ok(run([tar, "-xOf", "-", "disk.raw"], archive).equals(plain), tar);
        assert.match(
          run([tar, "--numeric-owner", "-tvf", "-"], archive).toString(),
          /^-rw-r--r-- .*0.0.* disk\.raw\n$/,
        );
      }
    }
  });
});
