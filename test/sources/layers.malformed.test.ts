import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { sha256 } from "../../src/bytes/digest.ts";
import { MediaType } from "../../src/formats/oci/index.ts";
import type { LayerCodec } from "../../src/sources/decompress.ts";
import { SourceError } from "../../src/sources/errors.ts";
import { readFiles } from "../../src/sources/files.ts";
import { flattenLayers, type LayerStream } from "../../src/sources/layers.ts";
import { DEFAULT_TREE_LIMITS, type TreeLimits } from "../../src/sources/tree.ts";
import { collect, verified } from "../../src/sources/verify.ts";
import { chunked, layer, type Member, tarball } from "../support/tar.ts";

const codec: LayerCodec = {
  async *unzstd(source) {
    await collect(source, 1000, "zstd");
    yield Uint8Array.of();
    throw new Error("bad frame");
  },
};

function streamOf(bytes: Uint8Array, mediaType: string = MediaType.ociLayerGzip): LayerStream {
  return { mediaType, open: () => verified(chunked(bytes), { digest: sha256(bytes), size: bytes.length }) };
}

async function drain(layers: readonly LayerStream[], limits: Partial<TreeLimits> = {}): Promise<number> {
  let entries = 0;
  const options = { codec, limits: { ...DEFAULT_TREE_LIMITS, ...limits } };
  for await (const _entry of flattenLayers(layers, options)) entries++;
  return entries;
}

const refused: readonly (readonly [string, readonly Member[], Partial<TreeLimits>, string])[] = [
  ["a name that leaves the root", [{ name: "../x", body: "" }], {}, "malformed"],
  ["a name that leaves it later", [{ name: "a/../../x", body: "" }], {}, "malformed"],
  ["a folder that leaves it", [{ name: "../", type: "directory" }], {}, "malformed"],
  ["a file in place of the root", [{ name: "./.", body: "" }], {}, "malformed"],
  ["a name with NUL", [{ name: "x", pax: { path: "a\0b" }, body: "" }], {}, "malformed"],
  ["a link without target", [{ name: "a", type: "symlink", linkname: "" }], {}, "malformed"],
  [
    "a file below a file",
    [
      { name: "a", body: "" },
      { name: "a/b", body: "" },
    ],
    {},
    "malformed",
  ],
  [
    "a file below a link",
    [
      { name: "a", type: "symlink", linkname: "b" },
      { name: "a/b", body: "" },
    ],
    {},
    "malformed",
  ],
  [
    "a file in place of a folder",
    [
      { name: "a/b", body: "" },
      { name: "a", body: "" },
    ],
    {},
    "malformed",
  ],
  ["a whiteout without name", [{ name: "a/.wh.", body: "" }], {}, "malformed"],
  ["a whiteout of the parent", [{ name: "a/.wh...", body: "" }], {}, "malformed"],
  ["a sparse file", [{ name: "a", pax: { "GNU.sparse.major": "1" }, body: "" }], {}, "malformed"],
  ["too many entries", [1, 2, 3, 4].map((i) => ({ name: `${i}`, body: "" })), { entries: 3 }, "too_large"],
  ["a long name", [{ name: "x".repeat(60), body: "" }], { pathLength: 50 }, "too_large"],
  ["a long target", [{ name: "a", type: "symlink", linkname: "x".repeat(60) }], { pathLength: 50 }, "too_large"],
  ["a deep name", [{ name: "a/".repeat(100), type: "directory" }], {}, "too_large"],
  [
    "many long names",
    [
      { name: "aaaa", body: "" },
      { name: "bbbb", body: "" },
    ],
    { allPathsLength: 7 },
    "too_large",
  ],
  ["a large file", [{ name: "a", body: "12345" }], { fileBytes: 4 }, "too_large"],
  ["a large image", [{ name: "a", body: "x".repeat(9000) }], { totalBytes: 8000 }, "too_large"],
  [
    "a long label",
    [{ name: "a", body: "", pax: { "SCHILY.xattr.security.selinux": "x".repeat(5000) } }],
    {},
    "too_large",
  ],
];

for (const [name, members, limits, code] of refused) {
  test(`refused: ${name}`, async () => {
    await assert.rejects(drain([streamOf(await layer(members))], limits), { code });
  });
}

test("limits count over all layers", async () => {
  const one = streamOf(
    await layer([
      { name: "a", body: "" },
      { name: "b", body: "" },
    ]),
  );
  await assert.rejects(drain([one, one], { entries: 3 }), { code: "too_large" });
  await assert.rejects(drain([one, one], { totalBytes: 3000 }), { code: "too_large" });
  assert.equal(await drain([one, one], { entries: 4 }), 2);
});

test("10 GiB of zeros in 10 MB stop at the limit", async () => {
  const mebibytes = gzipSync(Buffer.alloc(16 * 2 ** 20));
  let sent = 0;
  async function* bomb() {
    for (; sent < 640; sent++) yield mebibytes;
  }
  const start = performance.now();
  const big = { mediaType: MediaType.ociLayerGzip, open: bomb };
  await assert.rejects(drain([big], { totalBytes: 100 * 2 ** 20 }), { code: "too_large" });
  assert.ok(sent < 20, `${sent} pieces were read`);
  assert.ok(performance.now() - start < 5000);
});

test("a file that claims more than it may have is refused before it is read", async () => {
  const archive = await tarball([{ name: "a", body: "x" }]);
  const header = Buffer.from(archive);
  header.write("77777777777", 124);
  header.write("        ", 148);
  const sum = header.subarray(0, 512).reduce((a, b) => a + b, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  await assert.rejects(drain([streamOf(gzipSync(header))]), { code: "too_large" });
});

test("a link with contents is refused", async () => {
  const header = Buffer.from(await tarball([{ name: "a", body: "x" }]));
  for (const type of ["1", "2", "3", "4", "6", "S", "V"]) {
    header.write(type, 156);
    header.write("        ", 148);
    const sum = header.subarray(0, 512).reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    await assert.rejects(drain([streamOf(gzipSync(header))]), { code: "malformed" }, type);
  }
});

test("damaged, truncated and foreign data is malformed", async () => {
  const archive = await tarball([{ name: "a", body: "x".repeat(3000) }]);
  const packed = gzipSync(archive);
  const flipped = Uint8Array.from(packed, (byte, i) => (i === packed.length - 6 ? byte ^ 1 : byte));
  const badHeader = Uint8Array.from(archive, (byte, i) => (i === 3 ? byte ^ 1 : byte));
  const rows: readonly (readonly [string, LayerStream])[] = [
    ["truncated gzip", streamOf(packed.subarray(0, packed.length - 9))],
    ["flipped checksum", streamOf(flipped)],
    ["no gzip", streamOf(archive)],
    ["an empty blob as gzip", streamOf(new Uint8Array())],
    ["truncated archive", streamOf(gzipSync(archive.subarray(0, 2000)))],
    ["archive cut in its header", streamOf(gzipSync(archive.subarray(0, 100)))],
    ["damaged header", streamOf(gzipSync(badHeader))],
    ["no archive", streamOf(gzipSync(Buffer.alloc(2048, 65)))],
    ["damaged zstd", streamOf(packed, MediaType.ociLayerZstd)],
    ["no layer", streamOf(archive, "text/plain")],
  ];
  for (const [name, stream] of rows) await assert.rejects(drain([stream]), { code: "malformed" }, name);
});

test("a wrong digest shows before the end, whatever the consumer read", async () => {
  const archive = await tarball([{ name: "a", body: "evil" }]);
  const variants: readonly (readonly [Uint8Array, string])[] = [
    [gzipSync(archive), MediaType.ociLayerGzip],
    [archive, MediaType.ociLayer],
  ];
  for (const [bytes, mediaType] of variants) {
    const wrong = { digest: sha256("good"), size: bytes.length };
    const layers = [{ mediaType, open: () => verified(chunked(bytes, 100), wrong) }];
    await assert.rejects(readFiles(layers, ["a"], { codec }), { code: "digest_mismatch" });
    await assert.rejects(drain(layers), { code: "digest_mismatch" });
  }
});

test("bytes behind the compressed stream are read too, and belong to the digest", async () => {
  const good = await layer([{ name: "a", body: "x" }]);
  const longer = Buffer.concat([good, Buffer.alloc(200_000, 7)]);
  const open = () => verified(chunked(longer, 100_000), { digest: sha256(good), size: good.length });
  await assert.rejects(drain([{ mediaType: MediaType.ociLayerGzip, open }]), { code: "size_mismatch" });
});

test("errors of the source keep their class", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(0x1f, 0x8b);
    throw new RangeError("cable");
  }
  for (const mediaType of [MediaType.ociLayer, MediaType.ociLayerGzip, MediaType.ociLayerZstd]) {
    await assert.rejects(drain([{ mediaType, open: broken }]), /^RangeError: cable$/);
  }
});

test("any bytes give entries or a coded error", async () => {
  const seed = await tarball([
    { name: "a/b", body: "xyz", pax: { x: "y" } },
    { name: "l", type: "symlink", linkname: "a" },
  ]);
  await fc.assert(
    fc.asyncProperty(fc.nat(seed.length - 1), fc.integer({ min: 0, max: 255 }), async (at, value) => {
      const bytes = Uint8Array.from(seed, (byte, i) => (i === at ? value : byte));
      await drain([streamOf(bytes, MediaType.ociLayer)]).catch((error) =>
        assert.ok(error instanceof SourceError, error),
      );
    }),
    { numRuns: 200 },
  );
});
