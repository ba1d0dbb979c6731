import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { sha256 } from "../../src/bytes/digest.ts";
import { MediaType } from "../../src/formats/oci/index.ts";
import type { LayerCodec } from "../../src/sources/decompress.ts";
import { readFiles } from "../../src/sources/files.ts";
import { flattenLayers, type LayerStream } from "../../src/sources/layers.ts";
import { collect, verified } from "../../src/sources/verify.ts";
import { chunked, layer, type Member, tarball } from "../support/tar.ts";

const codec: LayerCodec = {
  async *unzstd(source) {
    yield zstdDecompressSync(await collect(source, 1_000_000, "zstd"));
  },
};

function streamOf(bytes: Uint8Array, mediaType: string = MediaType.ociLayerGzip): LayerStream {
  return { mediaType, open: () => verified(chunked(bytes), { digest: sha256(bytes), size: bytes.length }) };
}

/** The tree as short lines, in the order it comes; `layers` bottom-up. */
async function flat(...layers: readonly (readonly Member[])[]): Promise<readonly string[]> {
  const streams = await Promise.all(layers.map(async (members) => streamOf(await layer(members))));
  const lines: string[] = [];
  for await (const entry of flattenLayers(streams, { codec })) {
    const rest =
      entry.$case === "file"
        ? `=${Buffer.from(await collect(entry.body, 10_000, entry.path)).toString()}`
        : "target" in entry
          ? `>${entry.target}`
          : "";
    lines.push(`${entry.$case} ${entry.path}${rest}`);
  }
  return lines;
}

const file = (name: string, body = ""): Member => ({ name, body });
const folder = (name: string): Member => ({ name, type: "directory" });
const link = (name: string, linkname: string): Member => ({ name, type: "symlink", linkname });
const hard = (name: string, linkname: string): Member => ({ name, type: "link", linkname });

test("one layer comes in its own order, names cleaned", async () => {
  const tree = await flat([
    folder("./"),
    folder("./b/"),
    file("./b//x", "1"),
    file("/a", "2"),
    file("c/../d/./e", "3"),
  ]);
  assert.deepEqual(tree, ["directory b", "file b/x=1", "file a=2", "file d/e=3"]);
});

test("the top layer wins, and comes first", async () => {
  const tree = await flat([file("a", "low"), file("b", "low")], [file("a", "high")]);
  assert.deepEqual(tree, ["file a=high", "file b=low"]);
});

test("the first of two entries in one layer wins", async () => {
  assert.deepEqual(await flat([file("a", "1"), file("./a", "2")]), ["file a=1"]);
});

const rows: readonly (readonly [string, readonly Member[], readonly Member[], readonly string[]])[] = [
  ["a whiteout hides a file below", [file("a/x"), file("a/y")], [file("a/.wh.x")], ["file a/y="]],
  ["a whiteout hides a folder with all in it", [folder("a"), file("a/b/c"), file("ab")], [file(".wh.a")], ["file ab="]],
  ["a whiteout spares its own layer", [file("a", "low")], [file(".wh.a"), file("a", "high")], ["file a=high"]],
  ["a whiteout behind the entry", [file("a", "low")], [file("a", "high"), file(".wh.a")], ["file a=high"]],
  ["a whiteout replaces a folder", [file("a/x"), file("a/z")], [file(".wh.a"), file("a/y")], ["file a/y="]],
  [
    "an opaque folder hides what lower layers have in it, not itself",
    [folder("a"), file("a/x"), file("b")],
    [file("a/y"), file("a/.wh..wh..opq")],
    ["file a/y=", "directory a", "file b="],
  ],
  ["an opaque root hides everything", [file("a"), file("b/c")], [file(".wh..wh..opq"), file("d")], ["file d="]],
  ["a file hides a folder", [folder("a"), file("a/x")], [file("a")], ["file a="]],
  ["a link hides a folder", [folder("a"), file("a/x")], [link("a", "b")], ["symlink a>b"]],
  ["a folder hides a link", [link("a", "b")], [folder("a"), file("a/x")], ["directory a", "file a/x="]],
  ["a folder that is only implied hides a file", [file("a")], [file("a/x")], ["file a/x="]],
  ["a folder joins a folder", [folder("a"), file("a/x")], [file("a/y")], ["file a/y=", "directory a", "file a/x="]],
  ["names that only begin alike are not hidden", [file("ab"), file("a.b")], [file(".wh.a")], ["file ab=", "file a.b="]],
];

for (const [name, low, high, expected] of rows) {
  test(name, async () => assert.deepEqual(await flat(low, high), expected));
}

test("links that leave the root are left out, and hide what they would have replaced", async () => {
  const tree = await flat(
    [file("etc/b", "low")],
    [
      link("ok", "usr/bin"),
      link("etc/up", "../usr"),
      link("etc/b", "../../x"),
      link("out", "../x"),
      link("deep/er/out", "../../../x"),
      link("absolute", "/../etc/passwd"),
      hard("h1", "etc/up"),
      hard("h2", "../x"),
      hard("h3", "/etc/up"),
    ],
  );
  assert.deepEqual(tree, [
    "symlink ok>usr/bin",
    "symlink etc/up>../usr",
    "symlink absolute>/../etc/passwd",
    "hardlink h1>etc/up",
    "hardlink h3>etc/up",
  ]);
});

test("modes, labels, devices and long names", async () => {
  const selinux = "system_u:object_r:bin_t:s0";
  const long = `${"d".repeat(90)}/${"é".repeat(120)}`;
  const bytes = await layer([
    { name: "s", body: "x", mode: 0o6755, pax: { "SCHILY.xattr.security.selinux": selinux } },
    { name: "c", type: "character-device", devmajor: 5, devminor: 1, mode: 0o600 },
    { name: "b", type: "block-device", devmajor: 8, devminor: 17, mode: 0o660 },
    { name: "p", type: "fifo" },
    { name: "k", type: "contiguous-file", body: "z" },
    { name: long, body: "y" },
  ]);
  const entries = [];
  for await (const entry of flattenLayers([streamOf(bytes)], { codec })) {
    entries.push({ ...entry, ...("body" in entry ? { body: undefined } : {}) });
  }
  assert.deepEqual(entries, [
    { path: "s", mode: 0o6755, selinux, $case: "file", size: 1, body: undefined },
    { path: "c", mode: 0o600, $case: "device", kind: "character", major: 5, minor: 1 },
    { path: "b", mode: 0o660, $case: "device", kind: "block", major: 8, minor: 17 },
    { path: "p", mode: 0o644, $case: "device", kind: "fifo", major: 0, minor: 0 },
    { path: "k", mode: 0o644, $case: "file", size: 1, body: undefined },
    { path: long, mode: 0o644, $case: "file", size: 1, body: undefined },
  ]);
});

test("layers may be gzip, zstd or plain, of both families", async () => {
  const plain = await tarball([file("a", "x")]);
  const split = Buffer.concat([gzipSync(plain.subarray(0, 700)), gzipSync(plain.subarray(700))]);
  const variants: readonly LayerStream[] = [
    streamOf(plain, MediaType.ociLayer),
    streamOf(plain, MediaType.dockerLayer),
    streamOf(gzipSync(plain), MediaType.dockerLayerGzip),
    streamOf(split),
    streamOf(zstdCompressSync(plain), MediaType.ociLayerZstd),
  ];
  for (const variant of variants) {
    const files = await readFiles([variant], ["a", "missing"], { codec });
    assert.deepEqual(
      [...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString()]),
      [["a", "x"]],
    );
  }
});

test("bodies may be read in part, not at all, and in large pieces", async () => {
  const big = "x".repeat(300_000);
  const bytes = await layer([file("a", big), file("b", big), file("c", big), file("d", "end")]);
  const seen: string[] = [];
  for await (const entry of flattenLayers([streamOf(bytes)], { codec })) {
    if (entry.$case !== "file") continue;
    if (entry.path === "a") for await (const _chunk of entry.body) break;
    if (entry.path === "c") assert.equal((await collect(entry.body, 300_000, "c")).length, 300_000);
    seen.push(entry.path);
  }
  assert.deepEqual(seen, ["a", "b", "c", "d"]);
});

test("giving up early closes the streams", async () => {
  const bytes = await layer([file("a", "1"), file("b", "2")]);
  let closed = 0;
  async function* watched() {
    try {
      yield* chunked(bytes, 10);
    } finally {
      closed++;
    }
  }
  for await (const _entry of flattenLayers([{ mediaType: MediaType.ociLayerGzip, open: watched }], { codec })) break;
  assert.equal(closed, 1);
});
