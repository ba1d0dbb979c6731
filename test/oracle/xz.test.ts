import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { buildNative } from "../../native/build.ts";
import { KiB, MiB } from "../../src/bytes/align.ts";
import { crc32 } from "../../src/bytes/crc32.ts";
import { concatBytes } from "../../src/bytes/text.ts";
import { concat, inline, type Recipe, read, zeros } from "../../src/extents/index.ts";
import { xzBlocks, xzStored } from "../../src/formats/xz/index.ts";
import { createFallbackCodec, createNativeCodec } from "../../src/workers/codec.ts";
import { gathered } from "../../src/workers/codec-limits.ts";
import { anyRecipe, MemoryBlobs, noise } from "../support/recipes.ts";

const built = buildNative();
if (!built.ok) throw new Error(`the native codec is not built: ${built.reason}`);

const blobs = new MemoryBlobs();
const SAMPLE = concatBytes(noise(200 * KiB), new Uint8Array(3 * MiB), noise(1000, 2));

function run(tool: string, args: readonly string[], input: Uint8Array): Buffer {
  const result = spawnSync(tool, args, { input, maxBuffer: 64 * MiB });
  assert.equal(result.status, 0, `${tool} ${args.join(" ")}: ${result.error?.message ?? result.stderr}`);
  return result.stdout;
}

/** Python's lzma module, one of the readers of published images; `how` is an expression over `data`. */
function python(how: string, input: Uint8Array): Buffer {
  const script = `import lzma, sys\ndata = sys.stdin.buffer.read()\nsys.stdout.buffer.write(${how})`;
  return run("python3", ["-c", script], input);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function stored(content: Recipe): Promise<Uint8Array> {
  const checks: (number | undefined)[] = [];
  for (const block of xzBlocks(content)) {
    checks.push(block.check ?? crc32(await read(content, blobs, block.offset, block.length)));
  }
  return read(xzStored(content, checks), blobs);
}

describe("xz and python judge", () => {
  it("stored streams, on one thread and on two", async () => {
    const content = concat(inline(noise(512)), zeros(40 * MiB), inline(noise(300 * KiB)), zeros(255));
    const bytes = concatBytes(await stored(content), await stored(zeros(0)));
    const expected = await read(content, blobs);
    assert.ok(run("xz", ["-dc"], bytes).equals(expected));
    assert.ok(run("xz", ["-dc", "-T2"], bytes).equals(expected));
    assert.ok(python("lzma.decompress(data)", bytes).equals(expected));
  });

  it("random stored streams", async () => {
    await fc.assert(
      fc.asyncProperty(anyRecipe(blobs, 300 * KiB), async (content) => {
        assert.ok(run("xz", ["-dc"], await stored(content)).equals(await read(content, blobs)));
      }),
      { numRuns: 15 },
    );
  });

  for (const codec of [createNativeCodec(), createFallbackCodec()]) {
    it(`streams of ${codec.xzId}`, async () => {
      const whole = await codec.xz(SAMPLE, { preset: 9, extreme: true, check: "crc64" });
      const streamed = await gathered(codec.xzStream(once(SAMPLE), { preset: 0, check: "crc32", threads: 2 }));
      const both = concatBytes(whole, streamed);
      assert.ok(run("xz", ["-dc"], both).equals(concatBytes(SAMPLE, SAMPLE)));
      assert.ok(python("lzma.decompress(data)", both).equals(concatBytes(SAMPLE, SAMPLE)));
    });

    it(`is read by ${codec.xzId}`, async () => {
      const encoded = concatBytes(run("xz", ["-c", "-T2", "-0"], SAMPLE), run("xz", ["-c", "-C", "sha256"], SAMPLE));
      assert.ok(Buffer.from(await gathered(codec.unxz(once(encoded)))).equals(concatBytes(SAMPLE, SAMPLE)));
    });

    it(`raw LZMA1 of ${codec.xzId}`, async () => {
      const encoded = await codec.lzma1(SAMPLE, { lc: 3, lp: 0, pb: 2, dictionary: 64 * KiB });
      const filter = `{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": ${64 * KiB}}`;
      const how = `lzma.decompress(data, format=lzma.FORMAT_RAW, filters=[${filter}])`;
      assert.ok(python(how, encoded).equals(SAMPLE));
    });
  }

  it("writes what xz writes on several threads, byte by byte", async () => {
    const encoded = await createNativeCodec().xz(SAMPLE, { preset: 0, check: "crc32" });
    assert.ok(run("xz", ["-c", "-T2", "-0", "-C", "crc32"], SAMPLE).equals(encoded));
  });
});
