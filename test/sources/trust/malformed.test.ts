import assert from "node:assert/strict";
import { sign } from "node:crypto";
import { test } from "node:test";
import { type Digest, sha256 } from "../../../src/bytes/digest.ts";
import { MediaType } from "../../../src/formats/oci/index.ts";
import {
  publicKeyPolicy,
  SIGNATURE_ANNOTATION,
  SIMPLE_SIGNING_TYPE,
  simpleSigningPayload,
  verifyImage,
} from "../../../src/sources/trust/index.ts";
import { memorySource } from "../../support/memory-source.ts";
import { freshKey, pemOf, TestRegistry } from "../../support/registry.ts";

const key = freshKey();
const tagOf = (digest: Digest) => `a/b:sha256-${digest.slice(7)}.sig`;

/** Signs any bytes as the payload of an image. */
function signBytes(registry: TestRegistry, digest: Digest, payload: Uint8Array): void {
  const annotations = { [SIGNATURE_ANNOTATION]: sign("sha256", payload, key.privateKey).toString("base64") };
  registry.attach("a/b", digest, [{ ...registry.put(payload, SIMPLE_SIGNING_TYPE), annotations }]);
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const type = "cosign container image signature";
const other = sha256("another image");

type Forger = (registry: TestRegistry, digest: Digest) => void;

const forgeries: readonly (readonly [string, Forger, RegExp])[] = [
  ["no signature", () => undefined, /no signatures found/],
  ["another key", (r, d) => r.signLegacy("a/b", d, freshKey()), /not by a trusted key/],
  ["a payload that speaks of another image", (r, d) => r.signLegacy("a/b", d, key, { digest: other }), /another image/],
  [
    "the signature of another image, copied",
    (r, d) => {
      const { digest } = r.release("a/b", "v0", [{ bytes: Buffer.from("old, signed, vulnerable") }], key);
      r.name(tagOf(d), r.names.get(tagOf(digest))!);
    },
    /another image/,
  ],
  [
    "a payload changed after signing",
    (r, d) => r.signLegacy("a/b", d, key, { digest: other, payload: simpleSigningPayload("a", d) }),
    /not by a trusted key/,
  ],
  ["an empty signature", (r, d) => r.signLegacy("a/b", d, key, { signature: "" }), /not base64/],
  ["a signature that is no base64", (r, d) => r.signLegacy("a/b", d, key, { signature: "%%%" }), /not base64/],
  ["a signature that is no DER", (r, d) => r.signLegacy("a/b", d, key, { signature: "AAAA" }), /not by a trusted key/],
  ["an overlong signature", (r, d) => r.signLegacy("a/b", d, key, { signature: "A".repeat(5000) }), /not base64/],
  [
    "another type of statement",
    (r, d) => signBytes(r, d, json({ critical: { type: "x", image: { "docker-manifest-digest": d } } })),
    /critical\.type/,
  ],
  ["a statement without image", (r, d) => signBytes(r, d, json({ critical: { type } })), /docker-manifest-digest/],
  ["a statement that is a list", (r, d) => signBytes(r, d, json([])), /critical\.type/],
  ["a statement that is null", (r, d) => signBytes(r, d, json(null)), /critical\.type/],
  ["a statement that is no JSON", (r, d) => signBytes(r, d, Buffer.from("{")), /not a JSON document/],
  ["an overlong payload", (r, d) => signBytes(r, d, Buffer.alloc(70_000, 32)), /70000 bytes/],
  [
    "no annotation",
    (r, d) => r.attach("a/b", d, [r.put(simpleSigningPayload("a", d), SIMPLE_SIGNING_TYPE)]),
    /no signature annotation/,
  ],
  [
    "layers of another type",
    (r, d) => r.attach("a/b", d, [r.put(Buffer.from("x"), "text/plain")]),
    /no signatures found/,
  ],
  [
    "too many signatures",
    (r, d) => r.attach("a/b", d, Array(65).fill(r.put(Buffer.from("x"), SIMPLE_SIGNING_TYPE))),
    /65 signatures/,
  ],
  ["an index in place of the signature", (r, d) => r.name(tagOf(d), r.index([])), /no image manifest/],
  [
    "a broken manifest",
    (r, d) => r.name(tagOf(d), r.put(Buffer.from("{"), MediaType.ociManifest)),
    /not a JSON document/,
  ],
  [
    "a payload blob with other bytes",
    (r, d) => {
      r.signLegacy("a/b", d, key);
      const payload = simpleSigningPayload("registry.test/a/b", d);
      r.blobs.set(sha256(payload), Buffer.alloc(payload.length));
    },
    /have digest/,
  ],
  [
    "a payload blob that ends early",
    (r, d) => {
      r.signLegacy("a/b", d, key);
      r.blobs.set(sha256(simpleSigningPayload("registry.test/a/b", d)), Buffer.alloc(10));
    },
    /10 of .* bytes/,
  ],
  [
    "a payload blob without end",
    (r, d) => {
      r.signLegacy("a/b", d, key);
      r.blobs.set(sha256(simpleSigningPayload("registry.test/a/b", d)), Buffer.alloc(1_000_000));
    },
    /longer than/,
  ],
  [
    "a payload that is not there",
    (r, d) => {
      r.signLegacy("a/b", d, key);
      r.blobs.delete(sha256(simpleSigningPayload("registry.test/a/b", d)));
    },
    /not found/,
  ],
];

for (const [name, forge, reason] of forgeries) {
  test(`refused: ${name}`, async () => {
    const registry = new TestRegistry();
    const { digest } = registry.release("a/b", "v1", [{ bytes: Buffer.from("image") }]);
    forge(registry, digest);
    const verdict = verifyImage(memorySource(registry), "a/b", digest, publicKeyPolicy([pemOf(key)]));
    await assert.rejects(verdict, (error: { code: string; message: string }) => {
      assert.equal(error.code, "verification_failed");
      assert.match(error.message, new RegExp(`^failed to verify image signature for a/b@${digest}: `));
      assert.match(error.message, reason);
      return true;
    });
  });
}
