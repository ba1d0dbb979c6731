import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../src/bytes/digest.ts";
import { type Descriptor, encodeConfig, encodeManifest, MediaType } from "../../src/formats/oci/index.ts";
import { signatureTag } from "../../src/sources/trust/index.ts";
import { freshKey, type TestKey, type TestRegistry } from "./registry.ts";
import { bootFiles, VERSION } from "./release.ts";
import { layer, tarball } from "./tar.ts";

export const IMAGER = "siderolabs/imager";

/** The key the server under test trusts, and one it does not know. */
export const TRUSTED = freshKey();
const STRANGER = freshKey();

/** Puts other bytes where a digest promises `bytes`. */
function replaceBlob(registry: TestRegistry, bytes: Uint8Array, other: Uint8Array): void {
  const digest = sha256(bytes);
  assert.ok(registry.blobs.has(digest));
  registry.blobs.set(digest, other);
}

/** An image whose manifest describes its layer as `describe` says. */
function misdescribed(registry: TestRegistry, bytes: Uint8Array, describe: (truth: Descriptor) => Descriptor) {
  const config = registry.put(encodeConfig({ architecture: "amd64", os: "linux", diffIds: [] }), MediaType.ociConfig);
  const layers = [describe(registry.put(bytes, MediaType.ociLayerGzip))];
  const manifest = registry.put(
    encodeManifest({ mediaType: MediaType.ociManifest, config, layers }),
    MediaType.ociManifest,
  );
  return registry.index([{ ...manifest, platform: { os: "linux", architecture: "amd64" } }]);
}

/** A wrong image and what the server says of it. */
export interface Forged {
  readonly name: string;
  /** What must stand in the answer. */
  readonly message: RegExp;
  /** Makes `name:tag` of `layer` wrong; `repository` is that of the imager, or of an extension. */
  readonly add: (registry: TestRegistry, repository: string, tag: string, bytes: Uint8Array) => Descriptor;
}

/** An image named and signed with the trusted key, or another. */
export function signed(
  registry: TestRegistry,
  repository: string,
  tag: string,
  bytes: Uint8Array,
  by: TestKey = TRUSTED,
) {
  return registry.release(repository, tag, [{ bytes }], by);
}

/** Wrong images; each is tried as the imager of a version and as an extension. */
export const FORGERIES: readonly Forged[] = [
  {
    name: "a truncated layer",
    message: /blob sha256:[0-9a-f]{64}: \d+ of \d+ bytes arrived/,
    add(registry, repository, tag, bytes) {
      const image = signed(registry, repository, tag, bytes);
      replaceBlob(registry, bytes, bytes.subarray(0, bytes.length - 10));
      return image;
    },
  },
  {
    name: "an empty layer",
    message: /: 0 of \d+ bytes arrived/,
    add(registry, repository, tag, bytes) {
      const image = signed(registry, repository, tag, bytes);
      replaceBlob(registry, bytes, new Uint8Array());
      return image;
    },
  },
  {
    name: "an oversized layer",
    message: /: longer than the \d+ bytes promised/,
    add(registry, repository, tag, bytes) {
      const image = signed(registry, repository, tag, bytes);
      replaceBlob(registry, bytes, Buffer.concat([bytes, Buffer.from("more")]));
      return image;
    },
  },
  {
    name: "a layer with another digest",
    message: /: the bytes have digest sha256:/,
    add(registry, repository, tag, bytes) {
      const image = signed(registry, repository, tag, bytes);
      const other = Uint8Array.from(bytes);
      // The operating system field of the gzip header: every file comes out right, only the digest is wrong.
      other[9] = 255;
      replaceBlob(registry, bytes, other);
      return image;
    },
  },
  {
    name: "a layer that is not there",
    message: /blob sha256:[0-9a-f]{64}: not in the image layout/,
    add(registry, repository, tag, bytes) {
      const image = signed(registry, repository, tag, bytes);
      registry.blobs.delete(sha256(bytes));
      return image;
    },
  },
  {
    name: "a layer said to be larger than an image may be",
    message: /layers\[0\]\.size: 1099511627776 bytes are more than an image may have/,
    add(registry, repository, tag, bytes) {
      const image = misdescribed(registry, bytes, (truth) => ({ ...truth, size: 2 ** 40 }));
      registry.name(`${repository}:${tag}`, image);
      registry.signLegacy(repository, image.digest, TRUSTED);
      return image;
    },
  },
  {
    name: "a layer that is no archive",
    message: /layer: gzip data is damaged/,
    add: (registry, repository, tag, bytes) =>
      signed(registry, repository, tag, Buffer.concat([bytes.subarray(0, 40), Buffer.alloc(200, 7)])),
  },
  {
    name: "a changed manifest",
    message: /: expected sha256:[0-9a-f]{64}, the bytes have sha256:/,
    add(registry, repository, tag, bytes) {
      const manifest = registry.image([{ bytes }]);
      const image = registry.index([manifest]);
      registry.name(`${repository}:${tag}`, image);
      registry.signLegacy(repository, image.digest, TRUSTED);
      const original = Buffer.from(registry.blobs.get(manifest.digest)!).toString();
      registry.blobs.set(manifest.digest, Buffer.from(original.replace("linux", "LINUX").concat(" ")));
      return image;
    },
  },
  {
    name: "no signature",
    message: /failed to verify image signature for \S+@sha256:[0-9a-f]{64}: no signatures found/,
    add: (registry, repository, tag, bytes) => registry.release(repository, tag, [{ bytes }]),
  },
  {
    name: "a signature by another key",
    message: /failed to verify image signature .*: the signature is not by a trusted key/,
    add: (registry, repository, tag, bytes) => signed(registry, repository, tag, bytes, STRANGER),
  },
  {
    name: "a signature of another image under this image's tag",
    message: /failed to verify image signature .*: the signature is for another image, sha256:/,
    add(registry, repository, tag, bytes) {
      const good = registry.names.get(`${IMAGER}:${VERSION}`)!;
      const image = registry.release(repository, tag, [{ bytes }]);
      const copied = registry.names.get(`${IMAGER}:${signatureTag(good.digest)}`)!;
      registry.name(`${repository}:${signatureTag(image.digest)}`, copied);
      return image;
    },
  },
  {
    name: "a changed payload under a good signature",
    message: /failed to verify image signature .*: the signature is not by a trusted key/,
    add(registry, repository, tag, bytes) {
      const image = registry.release(repository, tag, [{ bytes }]);
      registry.signLegacy(repository, image.digest, TRUSTED, { payload: Buffer.from('{"critical":{}}') });
      return image;
    },
  },
  {
    name: "a signature on the platform's manifest alone",
    message: /failed to verify image signature .*: no signatures found/,
    add(registry, repository, tag, bytes) {
      const manifest = registry.image([{ bytes }]);
      registry.signLegacy(repository, manifest.digest, TRUSTED);
      const image = registry.index([manifest]);
      registry.name(`${repository}:${tag}`, image);
      return image;
    },
  },
];

/** Layers that are what their digest says and still must not be used. */
export const HOSTILE_LAYERS: readonly {
  readonly name: string;
  readonly message: RegExp;
  readonly bytes: () => Promise<Uint8Array>;
}[] = [
  {
    name: "a layer with ../",
    message: /layer: ".*\.\.\/escaped".*/,
    bytes: () => layer([...bootFiles(), { name: "usr/../../../../../../escaped", body: "out" }]),
  },
  {
    name: "a layer that starts with ../",
    message: /layer: "\.\.\/escaped".*/,
    bytes: () => layer([{ name: "../escaped", body: "out" }, ...bootFiles()]),
  },
  {
    name: "a layer that ends inside a file",
    message: /layer: damaged archive: /,
    bytes: async () => gzipSync((await tarball(bootFiles())).subarray(0, 20_000)),
  },
];
