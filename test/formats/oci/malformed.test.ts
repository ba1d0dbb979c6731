import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sha256 } from "../../../src/bytes/digest.ts";
import {
  MediaType,
  OciError,
  OciLimits,
  parseConfig,
  parseDocument,
  parseIndex,
  parseManifest,
} from "../../../src/formats/oci/index.ts";

const digest = sha256("x");
const config = { mediaType: MediaType.ociConfig, digest, size: 1 };
const good = { schemaVersion: 2, config, layers: [config] };

const rows: readonly (readonly [string, unknown, string, RegExp])[] = [
  ["schema 1", { ...good, schemaVersion: 1 }, "oci_unsupported", /schemaVersion/],
  ["no schema", { config, layers: [] }, "oci_unsupported", /schemaVersion/],
  ["both kinds at once", { ...good, manifests: [] }, "oci_malformed", /both manifests and layers/],
  ["another media type", { ...good, mediaType: MediaType.ociIndex }, "oci_malformed", /announced/],
  ["no config", { schemaVersion: 2, layers: [] }, "oci_malformed", /^config: expected an object/],
  ["no layers", { schemaVersion: 2, config }, "oci_malformed", /^layers: expected a list/],
  ["layers as object", { ...good, layers: {} }, "oci_malformed", /^layers: expected a list/],
  ["too many layers", { ...good, layers: Array(129).fill(config) }, "oci_too_large", /^layers: 129 entries/],
  [
    "sha512",
    { ...good, layers: [{ ...config, digest: `sha512:${"0".repeat(128)}` }] },
    "oci_malformed",
    /layers\[0\].digest/,
  ],
  [
    "digest with a path",
    { ...good, layers: [{ ...config, digest: "sha256:../../x" }] },
    "oci_malformed",
    /layers\[0\].digest/,
  ],
  ["negative size", { ...good, layers: [{ ...config, size: -1 }] }, "oci_malformed", /layers\[0\].size/],
  ["fractional size", { ...good, layers: [{ ...config, size: 1.5 }] }, "oci_malformed", /layers\[0\].size/],
  ["size beyond 2^53", { ...good, layers: [{ ...config, size: 2 ** 53 }] }, "oci_malformed", /layers\[0\].size/],
  ["size as text", { ...good, layers: [{ ...config, size: "1" }] }, "oci_malformed", /layers\[0\].size/],
  ["empty media type", { ...good, layers: [{ ...config, mediaType: "" }] }, "oci_malformed", /layers\[0\].mediaType/],
  ["annotation that is no text", { ...good, annotations: { a: 1 } }, "oci_malformed", /annotations.a/],
  ["overlong annotation", { ...good, annotations: { a: "x".repeat(70000) } }, "oci_too_large", /annotations.a/],
  ["a list", [], "oci_malformed", /^document: expected an object/],
  ["null", null, "oci_malformed", /^document: expected an object/],
];

for (const [name, value, code, message] of rows) {
  test(`a manifest is refused: ${name}`, () => {
    assert.throws(
      () => parseManifest(Buffer.from(JSON.stringify(value)), MediaType.ociManifest),
      (error) => {
        assert.ok(error instanceof OciError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test("too many bytes, broken JSON, broken UTF-8 and deep nesting are refused", () => {
  const read = (bytes: Uint8Array) => () => parseDocument(bytes, MediaType.ociManifest);
  assert.throws(read(new Uint8Array(OciLimits.documentBytes + 1)), { code: "oci_too_large" });
  assert.throws(read(Buffer.from("{")), { code: "oci_malformed" });
  assert.throws(read(Uint8Array.of(0x22, 0xff, 0x22)), { code: "oci_malformed" });
  assert.throws(read(Buffer.from("[".repeat(1_000_000))), { code: "oci_malformed" });
});

test("the wrong kind of document is refused", () => {
  const bytes = Buffer.from(JSON.stringify(good));
  assert.throws(() => parseIndex(bytes, MediaType.ociManifest), { code: "oci_unsupported" });
  assert.throws(() => parseManifest(Buffer.from(`{"schemaVersion":2,"manifests":[]}`), MediaType.ociIndex), {
    code: "oci_unsupported",
  });
  assert.throws(() => parseDocument(bytes, "application/json"), { code: "oci_unsupported" });
});

test("a config is refused", () => {
  const base = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digest] } };
  let deep: unknown = {};
  for (let i = 0; i < 20; i++) deep = { deep };
  const configs: readonly (readonly [unknown, string])[] = [
    [{ ...base, os: "" }, "oci_malformed"],
    [{ ...base, rootfs: { type: "other", diff_ids: [] } }, "oci_malformed"],
    [{ ...base, rootfs: { type: "layers", diff_ids: ["x"] } }, "oci_malformed"],
    [{ ...base, rootfs: undefined }, "oci_malformed"],
    [{ ...base, config: [] }, "oci_malformed"],
    [{ ...base, config: deep }, "oci_too_large"],
    [{ ...base, history: Array(2000).fill({}) }, "oci_too_large"],
  ];
  for (const [value, code] of configs) {
    assert.throws(() => parseConfig(Buffer.from(JSON.stringify(value))), { code }, JSON.stringify(value).slice(0, 80));
  }
});

test("any JSON gives a document or a coded error", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        parseDocument(Buffer.from(JSON.stringify(value)), MediaType.ociIndex);
      } catch (error) {
        assert.ok(error instanceof OciError);
      }
    }),
    { numRuns: 200 },
  );
});
