import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../src/bytes/digest.ts";
import { encodeManifest, MediaType } from "../../src/formats/oci/index.ts";
import { imageConfig, openImage } from "../../src/sources/images.ts";
import type { ImageSource } from "../../src/sources/source.ts";
import { publicKeyPolicy, type TrustPolicy } from "../../src/sources/trust/index.ts";
import { memorySource } from "../support/memory-source.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const disabled: TrustPolicy = { $case: "disabled" };
const content = { bytes: Buffer.from("x") };

function open(source: ImageSource, reference: string, policy = disabled, platform = amd64) {
  return openImage({ source, policy, repository: "a/b", reference, platform });
}

test("an image is opened for its platform, by tag and by digest", async () => {
  const registry = new TestRegistry();
  const arm = registry.image([content, content], "arm64");
  const index = registry.index([registry.image([content]), { ...arm, platform: { ...arm.platform!, variant: "v8" } }]);
  registry.name("a/b:v1", index);
  const source = memorySource(registry);
  const image = await open(source, "v1", disabled, { os: "linux", architecture: "arm64" });
  assert.equal(image.digest, index.digest);
  assert.equal(image.manifestDigest, arm.digest);
  assert.equal(image.layers.length, 2);
  assert.deepEqual(image.evidence, { method: "verification disabled" });
  assert.equal((await imageConfig(source, image)).architecture, "arm64");
  assert.deepEqual((await open(source, index.digest)).layers, [
    { mediaType: MediaType.ociLayerGzip, digest: sha256(content.bytes), size: 1 },
  ]);
  await assert.rejects(open(source, "v1", disabled, { os: "linux", architecture: "riscv64" }), { code: "not_found" });
  await assert.rejects(open(source, "v1", disabled, { os: "windows", architecture: "amd64" }), { code: "not_found" });
});

test("an image without index is taken as it is", async () => {
  const registry = new TestRegistry();
  const manifest = registry.image([content]);
  registry.name("a/b:v1", manifest);
  const image = await open(memorySource(registry), "v1");
  assert.equal(image.digest, manifest.digest);
  assert.equal(image.manifestDigest, manifest.digest);
});

test("the signature is over the digest the tag pointed at, and that digest is used even when the tag moves", async () => {
  const registry = new TestRegistry();
  const key = freshKey();
  const signed = registry.release("a/b", "v1", [content], key);
  const plain = memorySource(registry);
  const asked: string[] = [];
  const moving: ImageSource = {
    ...plain,
    async resolve(repository, tagOrDigest) {
      asked.push(tagOrDigest);
      const found = await plain.resolve(repository, tagOrDigest);
      registry.release("a/b", "v1", [content, content]);
      return found;
    },
  };
  const image = await open(moving, "v1", publicKeyPolicy([pemOf(key)]));
  assert.equal(image.digest, signed.digest);
  assert.equal(image.layers.length, 1);
  assert.equal(asked.filter((text) => text === "v1").length, 1);
});

test("nothing behind the digest is read before the signature was found good", async () => {
  const registry = new TestRegistry();
  const index = registry.release("a/b", "v1", [content], freshKey());
  const plain = memorySource(registry);
  const read: string[] = [];
  const watched: ImageSource = {
    ...plain,
    manifest(repository, digest) {
      read.push(digest);
      return plain.manifest(repository, digest);
    },
  };
  await assert.rejects(open(watched, "v1", publicKeyPolicy([pemOf(freshKey())])), { code: "verification_failed" });
  assert.ok(!read.includes(index.digest));
});

test("images that break the rules are refused", async () => {
  const layer = (mediaType: string, size: number) => ({ mediaType, digest: sha256("l"), size });
  const rows = [
    ["a foreign layer", [layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 1)], "malformed"],
    ["a layer that is no archive", [layer("text/plain", 1)], "malformed"],
    ["a layer too large", [layer(MediaType.ociLayer, 5 * 2 ** 30)], "too_large"],
    ["layers too large together", Array(3).fill(layer(MediaType.ociLayer, 3 * 2 ** 30)), "too_large"],
    ["too many layers", Array(200).fill(layer(MediaType.ociLayer, 1)), "malformed"],
  ] as const;
  for (const [name, layers, code] of rows) {
    const registry = new TestRegistry();
    const config = { mediaType: MediaType.ociConfig, digest: sha256("c"), size: 1 };
    const manifest = encodeManifest({ mediaType: MediaType.ociManifest, config, layers });
    registry.name("a/b:v1", registry.put(manifest, MediaType.ociManifest));
    await assert.rejects(open(memorySource(registry), "v1"), { code }, name);
  }
});

test("an index within an index, a broken document and a config of another type are malformed", async () => {
  const registry = new TestRegistry();
  const platform = { os: "linux", architecture: "amd64" };
  const inner = registry.index([]);
  registry.name("a/b:nested", registry.index([{ ...inner, platform }]));
  registry.name("a/b:broken", registry.put(Buffer.from("{"), MediaType.ociIndex));
  const config = { mediaType: "application/json", digest: sha256("c"), size: 1 };
  const manifest = encodeManifest({ mediaType: MediaType.ociManifest, config, layers: [] });
  registry.name("a/b:config", registry.put(manifest, MediaType.ociManifest));
  const source = memorySource(registry);
  await assert.rejects(open(source, "nested"), { code: "malformed" });
  await assert.rejects(open(source, "broken"), { code: "malformed" });
  await assert.rejects(imageConfig(source, await open(source, "config")), { code: "malformed" });
});
