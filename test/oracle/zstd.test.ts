import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { buildNative } from "../../native/build.ts";
import { KiB, MiB } from "../../src/bytes/align.ts";
import { concatBytes } from "../../src/bytes/text.ts";
import { concat, inline, read, zeros } from "../../src/extents/index.ts";
import { zstdStored } from "../../src/formats/zstd/index.ts";
import { createFallbackCodec, createNativeCodec } from "../../src/workers/codec.ts";
import { gathered } from "../../src/workers/codec-limits.ts";
import { anyRecipe, MemoryBlobs, noise } from "../support/recipes.ts";

const built = buildNative();
if (!built.ok) throw new Error(`the native codec is not built: ${built.reason}`);

const blobs = new MemoryBlobs();
const SAMPLE = concatBytes(noise(200 * KiB), new Uint8Array(3 * MiB), noise(1000, 2));

/** Runs `zstd` with input and gives its output. */
function zstd(args: readonly string[], input: Uint8Array): Buffer {
  const run = spawnSync("zstd", args, { input, maxBuffer: 64 * MiB });
  assert.equal(run.status, 0, `zstd ${args.join(" ")}: ${run.error?.message ?? run.stderr}`);
  return run.stdout;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe("zstd judges", () => {
  it("stored frames, with a memory limit of their window", async () => {
    const frames = [
      zstdStored(concat(inline(noise(512)), zeros(40 * MiB), inline(noise(300 * KiB)), zeros(63))),
      zstdStored(zeros(0)),
      zstdStored(zeros(5), { contentSize: false }),
    ];
    const whole = concat(...frames);
    const expected = concatBytes(noise(512), new Uint8Array(40 * MiB), noise(300 * KiB), new Uint8Array(68));
    assert.ok(zstd(["-dc", "--memory=128KiB"], await read(whole, blobs)).equals(expected));
  });

  it("random stored frames", async () => {
    await fc.assert(
      fc.asyncProperty(anyRecipe(blobs, 300 * KiB), async (content) => {
        const decoded = zstd(["-dc"], await read(zstdStored(content), blobs));
        assert.ok(decoded.equals(await read(content, blobs)));
      }),
      { numRuns: 15 },
    );
  });

  for (const codec of [createNativeCodec(), createFallbackCodec()]) {
    it(`frames of ${codec.zstdId}`, async () => {
      const whole = await codec.zstd(SAMPLE, { level: 18, checksum: true });
      const streamed = await gathered(codec.zstdStream(once(SAMPLE), { level: 3, threads: 2 }));
      assert.ok(zstd(["-dc"], concatBytes(whole, streamed)).equals(concatBytes(SAMPLE, SAMPLE)));
    });

    it(`is read by ${codec.zstdId}`, async () => {
      const encoded = concatBytes(zstd(["-c", "-T2"], SAMPLE), zstd(["-c", "-19", "--check"], SAMPLE));
      assert.ok(Buffer.from(await gathered(codec.unzstd(once(encoded)))).equals(concatBytes(SAMPLE, SAMPLE)));
    });
  }

  it("which library the addon uses: the system's, not the one inside Node", () => {
    const version = /v(\d+\.\d+\.\d+)/.exec(zstd(["-V"], new Uint8Array(0)).toString())![1];
    assert.equal(createNativeCodec().zstdId, `libzstd ${version} threaded`);
  });
});
