import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { KiB, MiB } from "../../src/bytes/align.ts";
import { concatBytes, utf8 } from "../../src/bytes/text.ts";
import { blob, concat, type Extent, inline, type Recipe, read, stream, zeros } from "../../src/extents/index.ts";
import { tarArchive } from "../../src/formats/tar/index.ts";
import { compressedImage } from "../../src/imager/compressed.ts";
import { writeBlob } from "../../src/store/local-blobs.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { gathered } from "../../src/workers/codec-limits.ts";
import { type TestDeriver, testDeriver } from "../support/deriver.ts";
import { anyRecipe, MemoryBlobs, noise } from "../support/recipes.ts";

const NEVER = new AbortController().signal;
const { codec } = loadCodec();
const FORMATS = [".zst", ".xz", ".gz", ".tar.gz"] as const;
const LARGEST = 150 * KiB;
const MTIME = 7;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe("compressedImage", () => {
  let tested: TestDeriver;

  before(async () => {
    tested = await testDeriver();
    // The blob that `anyRecipe` takes slices of.
    await store(noise(2 * LARGEST, 7));
  });
  after(() => tested[Symbol.asyncDispose]());

  const store = (bytes: Uint8Array) => writeBlob(tested.blobs, once(bytes), { maxBytes: bytes.length });
  const stored = async (bytes: Uint8Array): Promise<Recipe> => {
    const { digest, size } = await store(bytes);
    return blob(digest, size);
  };
  const made = (image: Recipe, outFormat: (typeof FORMATS)[number], name = "disk.raw"): Promise<Recipe> =>
    compressedImage({ deriver: tested.deriver, mtime: MTIME }, image, { outFormat, name }, NEVER);

  const decoded = async (image: Recipe, format: (typeof FORMATS)[number]): Promise<Uint8Array> => {
    const whole = await made(image, format);
    if (format === ".zst") return await gathered(codec.unzstd(stream(whole, tested.blobs)));
    if (format === ".xz") return await gathered(codec.unxz(stream(whole, tested.blobs)));
    return gunzipSync(await read(whole, tested.blobs));
  };
  const archiveOf = (content: Recipe): Recipe =>
    tarArchive([{ name: "disk.raw", mode: 0o644, mtime: MTIME, content, sparse: true }]);

  for (const format of FORMATS) {
    it(`${format} holds the image, whatever that is made of`, async () => {
      await fc.assert(
        fc.asyncProperty(anyRecipe(new MemoryBlobs(), LARGEST), async (image) => {
          const expected = format === ".tar.gz" ? archiveOf(image) : image;
          const bytes = await decoded(image, format);
          assert.ok(Buffer.from(await read(expected, tested.blobs)).equals(bytes));
        }),
        { numRuns: 15 },
      );
    });
  }

  it("any range is that of the whole", async () => {
    const image = concat(inline(noise(9 * KiB)), await stored(noise(200 * KiB, 3)), zeros(MiB), inline(utf8("end")));
    for (const format of FORMATS) {
      const recipe = await made(image, format);
      const whole = Buffer.from(await read(recipe, tested.blobs));
      for (let at = 0; at < recipe.size; at += 7919) {
        const length = Math.min(10_007, recipe.size - at);
        assert.ok(whole.subarray(at, at + length).equals(await read(recipe, tested.blobs, at, length)), format);
      }
    }
  });

  it("keeps the name of the image in .gz alone", async () => {
    const image = inline(utf8("content"));
    const head = async (format: ".gz" | ".tar.gz"): Promise<string> =>
      Buffer.from(await read(await made(image, format, "metal-amd64.qcow2"), tested.blobs)).toString("latin1", 0, 28);
    assert.ok((await head(".gz")).includes("metal-amd64.qcow2\0"));
    assert.equal((await head(".tar.gz")).indexOf("metal"), -1);
  });

  it("of an image with other small parts, nothing is derived again that speaks of its blobs", async () => {
    const packed = await stored(noise(3 * MiB, 11));
    const sliced = await stored(noise(600 * KiB, 12));
    const plain = await stored(concatBytes(new Uint8Array(MiB).fill(7), utf8("x")));
    const image = (cmdline: string): Recipe =>
      concat(
        inline(noise(6 * KiB)),
        zeros(MiB),
        packed,
        inline(utf8(cmdline)),
        zeros(4096 - cmdline.length),
        inline(utf8("header")),
        ...[0, 1, 2].map((i) => concat(inline(Uint8Array.of(i, 0, 1)), sliceOf(sliced, i * 200 * KiB, 200 * KiB))),
        inline(utf8(cmdline)),
        plain,
        inline(concatBytes(noise(5 * KiB), utf8(cmdline))),
      );
    for (const format of FORMATS) await made(image("console=ttyS0"), format);
    tested.ran.length = 0;
    for (const format of FORMATS) await made(image("console=ttyS1 quiet"), format);
    const extents = tested.ran.flatMap(({ input }) => (input as { readonly extents: readonly Extent[] }).extents);
    assert.deepEqual(new Set(tested.ran.map(({ kind }) => kind)), new Set(["compress"]));
    assert.deepEqual(
      extents.filter(({ $case }) => $case === "blob"),
      [],
    );
  });
});

function sliceOf({ extents: [extent] }: Recipe, offset: number, length: number): Recipe {
  assert.equal(extent?.$case, "blob");
  return blob(extent.digest, length, offset);
}
