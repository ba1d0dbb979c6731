import assert from "node:assert/strict";
import { symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { digestHex, sha256 } from "../../src/bytes/digest.ts";
import { MediaType, parseIndex } from "../../src/formats/oci/index.ts";
import { LayoutSource } from "../../src/sources/layout.ts";
import { openSource } from "../../src/sources/open.ts";
import { RegistrySource } from "../../src/sources/registry.ts";
import type { ImageSource } from "../../src/sources/source.ts";
import { collect } from "../../src/sources/verify.ts";
import { temporaryFolder } from "../support/folder.ts";
import { TestRegistry } from "../support/registry.ts";
import { serveRegistry } from "../support/registry-server.ts";

const content = { bytes: Buffer.from("layer bytes") };

/** Runs a check on both sources over the same images. `damage` changes a blob's bytes, not its name. */
function onBoth(name: string, check: (source: ImageSource, registry: TestRegistry) => Promise<void>): void {
  test(`layout: ${name}`, async () => {
    await using folder = await temporaryFolder();
    const registry = new TestRegistry();
    registry.release("siderolabs/imager", "v1.0.0", [content]);
    prepare(registry);
    await registry.writeLayout(folder.path);
    await check(openSource({ $case: "layout", folder: folder.path }), registry);
  });
  test(`registry: ${name}`, async () => {
    const registry = new TestRegistry();
    registry.release("siderolabs/imager", "v1.0.0", [content]);
    prepare(registry);
    await using server = await serveRegistry(registry);
    await check(openSource({ $case: "registry", base: server.base }), registry);
  });
}

/** More tags than one page, and blobs whose bytes are not what their names say. */
function prepare(registry: TestRegistry): void {
  const image = registry.names.get("siderolabs/imager:v1.0.0")!;
  for (const tag of ["v1.1.0", "v1.2.0", "latest", "x"]) registry.name(`siderolabs/imager:${tag}`, image);
  registry.name("siderolabs/other:v9.0.0", image);
  registry.blobs.set(sha256("promised"), Buffer.from("PROMISED"));
  registry.blobs.set(sha256("promised manifest"), Buffer.from(`{"mediaType":"${MediaType.ociManifest}"}`));
}

onBoth("tags of one repository", async (source) => {
  const tags = [...(await source.tags("siderolabs/imager"))].sort();
  assert.deepEqual(tags, ["latest", "v1.0.0", "v1.1.0", "v1.2.0", "x"]);
  await assert.rejects(source.tags("siderolabs/none"), { code: "not_found" });
  await assert.rejects(source.tags("siderolabs"), { code: "not_found" });
});

onBoth("a tag, then everything by digest", async (source) => {
  const found = await source.resolve("siderolabs/imager", "v1.0.0");
  assert.equal(found.mediaType, MediaType.ociIndex);
  const index = parseIndex(await source.manifest("siderolabs/imager", found.digest), found.mediaType);
  const inner = await source.resolve("siderolabs/imager", index.manifests[0]!.digest);
  assert.equal(inner.mediaType, MediaType.ociManifest);
  assert.equal(inner.size, index.manifests[0]!.size);
  const bytes = await source.manifest("siderolabs/imager", inner.digest);
  const { layers } = JSON.parse(Buffer.from(bytes).toString());
  assert.deepEqual(Buffer.from(await collect(source.blob("siderolabs/imager", layers[0]), 100, "x")), content.bytes);
});

onBoth("what is not there", async (source) => {
  await assert.rejects(source.resolve("siderolabs/imager", "v7.0.0"), { code: "not_found" });
  await assert.rejects(source.resolve("siderolabs/imager", sha256("none")), { code: "not_found" });
  await assert.rejects(source.manifest("siderolabs/imager", sha256("none")), { code: "not_found" });
  const missing = { mediaType: "x", digest: sha256("none"), size: 1 };
  await assert.rejects(collect(source.blob("siderolabs/imager", missing), 9, "x"), { code: "not_found" });
});

onBoth("bytes that are not what was promised", async (source) => {
  const blob = (text: string, size: number) =>
    collect(source.blob("siderolabs/imager", { mediaType: "x", digest: sha256(text), size }), 100, "x");
  await assert.rejects(blob("promised", 8), { code: "digest_mismatch" });
  await assert.rejects(blob("promised", 7), { code: "size_mismatch" });
  await assert.rejects(blob("promised", 9), { code: "size_mismatch" });
  const manifest = sha256("promised manifest");
  await assert.rejects(source.manifest("siderolabs/imager", manifest), { code: "digest_mismatch" });
  await assert.rejects(source.resolve("siderolabs/imager", manifest), { code: "digest_mismatch" });
});

onBoth("names that are no names", async (source) => {
  for (const repository of ["..", "../../etc", "a/../b", "A", "", "a b"]) {
    await assert.rejects(source.tags(repository), { code: "reference_invalid" }, repository);
    await assert.rejects(source.resolve(repository, "x"), { code: "reference_invalid" }, repository);
  }
  await assert.rejects(source.resolve("a", "../x"), { code: "reference_invalid" });
});

test("a layout is read again when its index changes", async () => {
  await using folder = await temporaryFolder();
  const registry = new TestRegistry();
  const image = registry.release("a/b", "one", [content]);
  await registry.writeLayout(folder.path);
  const source = new LayoutSource(folder.path);
  assert.deepEqual(await source.tags("a/b"), ["one"]);
  registry.name("a/b:two", image);
  await registry.writeLayout(folder.path);
  assert.deepEqual([...(await source.tags("a/b"))].sort(), ["one", "two"]);
});

test("links and folders in place of blobs are refused, a broken index too", async () => {
  await using folder = await temporaryFolder();
  const registry = new TestRegistry();
  registry.release("a/b", "one", [content]);
  await registry.writeLayout(folder.path);
  const source = new LayoutSource(folder.path);
  const digest = sha256(content.bytes);
  const path = join(folder.path, "blobs", "sha256", digestHex(digest));
  await unlink(path);
  await symlink(join(folder.path, "oci-layout"), path);
  const read = () => collect(source.blob("a/b", { mediaType: "x", digest, size: 11 }), 100, "x");
  await assert.rejects(read, { code: "malformed" });
  await unlink(path);
  await symlink(folder.path, path);
  await assert.rejects(read, { code: "malformed" });
  await writeFile(join(folder.path, "index.json"), "{}");
  await assert.rejects(source.tags("a/b"), { code: "malformed" });
  await unlink(join(folder.path, "index.json"));
  await assert.rejects(source.tags("a/b"), { code: "unreachable" });
});

test("two images under one name are refused", async () => {
  await using folder = await temporaryFolder();
  const registry = new TestRegistry();
  const one = registry.release("a/b", "one", [content]);
  const two = registry.release("a/b", "two", [content, content]);
  await registry.writeLayout(folder.path);
  const named = (d: object) => ({ ...d, annotations: { "org.opencontainers.image.ref.name": "a/b:x" } });
  const index = { schemaVersion: 2, manifests: [named(one), named(two)] };
  await writeFile(join(folder.path, "index.json"), JSON.stringify(index));
  await assert.rejects(new LayoutSource(folder.path).tags("a/b"), { code: "malformed" });
});

test("a registry is an origin and nothing more", () => {
  for (const base of ["r.test", "ftp://r.test", "http://r.test/path", "http://user@r.test", ""]) {
    assert.throws(() => new RegistrySource({ base }), { code: "reference_invalid" }, base);
  }
});
