import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sha256 } from "../../../src/bytes/digest.ts";
import {
  type Descriptor,
  encodeConfig,
  encodeIndex,
  encodeLayoutMarker,
  encodeManifest,
  type ImageConfig,
  layerCompression,
  type Manifest,
  MediaType,
  parseConfig,
  parseDocument,
  parseIndex,
  parseLayoutIndex,
  parseManifest,
  statedMediaType,
} from "../../../src/formats/oci/index.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const A = sha256("a");
const B = sha256("b");

const manifest: Manifest = {
  mediaType: MediaType.ociManifest,
  config: { mediaType: MediaType.ociConfig, digest: A, size: 2 },
  layers: [{ mediaType: MediaType.ociLayerGzip, digest: B, size: 3 }],
  annotations: { b: "2", a: "1" },
};

test("a manifest has one byte form, with sorted annotations", () => {
  assert.equal(
    text(encodeManifest(manifest)),
    `{"schemaVersion":2,"mediaType":"${MediaType.ociManifest}",` +
      `"config":{"mediaType":"${MediaType.ociConfig}","size":2,"digest":"${A}"},` +
      `"layers":[{"mediaType":"${MediaType.ociLayerGzip}","size":3,"digest":"${B}"}],"annotations":{"a":"1","b":"2"}}`,
  );
});

test("what is written is read back", () => {
  const parsed = parseDocument(encodeManifest(manifest), MediaType.ociManifest);
  assert.deepEqual(parsed, { $case: "manifest", manifest });
  const entry: Descriptor = {
    mediaType: MediaType.ociManifest,
    digest: A,
    size: 1,
    platform: { os: "linux", architecture: "arm64", variant: "v8" },
  };
  const index = { mediaType: MediaType.dockerIndex, manifests: [entry], artifactType: "x/y" };
  assert.deepEqual(parseIndex(encodeIndex(index), MediaType.dockerIndex), index);
  assert.equal(statedMediaType(encodeIndex(index)), MediaType.dockerIndex);
  assert.deepEqual(parseLayoutIndex(encodeIndex({ ...index, mediaType: MediaType.ociIndex }), 1000, 1), [entry]);
});

test("a document without a media type of its own takes the announced one", () => {
  const bytes = Buffer.from(`{"schemaVersion":2,"manifests":[]}`);
  assert.equal(parseIndex(bytes, MediaType.ociIndex).mediaType, MediaType.ociIndex);
});

test("a config keeps the container's configuration as it is and drops what is unknown", () => {
  const config: ImageConfig = {
    architecture: "amd64",
    os: "linux",
    created: "2020-01-01T00:00:00Z",
    history: [{ created: "0001-01-01T00:00:00Z" }, { created_by: "x", empty_layer: true }],
    diffIds: [A, B],
    config: { Env: ["PATH=/bin"], Labels: { "a.b": "c" }, User: "", Volumes: { "/x": {} } },
  };
  const bytes = encodeConfig(config);
  assert.match(text(bytes), /^\{"architecture":"amd64","created":.*"history":.*"os":"linux","rootfs":.*"config":/);
  assert.deepEqual(parseConfig(bytes), config);
  const wider = Buffer.from(text(bytes).replace("{", `{"docker_version":"1","variant":null,`));
  assert.deepEqual(parseConfig(wider), config);
});

test("layer media types and how they are compressed", () => {
  const rows = [
    [MediaType.ociLayer, "none"],
    [MediaType.ociLayerGzip, "gzip"],
    [MediaType.ociLayerZstd, "zstd"],
    [MediaType.dockerLayer, "none"],
    [MediaType.dockerLayerGzip, "gzip"],
    [MediaType.dockerLayerZstd, "zstd"],
    ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", undefined],
    ["constructor", undefined],
  ] as const;
  for (const [type, compression] of rows) assert.equal(layerCompression(type), compression, type);
});

test("the layout marker", () => {
  assert.equal(text(encodeLayoutMarker()), '{"imageLayoutVersion":"1.0.0"}');
});

test("any annotations survive, names that mean something to JavaScript included", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom("__proto__", "constructor", "a", "é"), fc.string())), (pairs) => {
      const annotations = Object.fromEntries(pairs);
      const read = parseManifest(encodeManifest({ ...manifest, annotations }), MediaType.ociManifest);
      assert.deepEqual(Object.entries(read.annotations!).sort(), Object.entries(annotations).sort());
    }),
    { numRuns: 50 },
  );
});
