import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { sha256 } from "../../../src/bytes/digest.ts";
import {
  keyId,
  publicKeyPolicy,
  simpleSigningPayload,
  type TrustPolicy,
  verifyImage,
} from "../../../src/sources/trust/index.ts";
import { memorySource } from "../../support/memory-source.ts";
import { freshKey, pemOf, type TestKey, TestRegistry } from "../../support/registry.ts";

const content = { bytes: Buffer.from("x") };

const kinds: readonly (readonly [string, TestKey])[] = [
  ["ECDSA P-256", freshKey()],
  ["ECDSA P-384", generateKeyPairSync("ec", { namedCurve: "secp384r1" })],
  ["RSA 2048", generateKeyPairSync("rsa", { modulusLength: 2048 })],
  ["Ed25519", generateKeyPairSync("ed25519")],
];

for (const [name, key] of kinds) {
  test(`a signature by ${name} is accepted and names its key`, async () => {
    const registry = new TestRegistry();
    const { digest } = registry.release("a/b", "v1", [content], key);
    const evidence = await verifyImage(memorySource(registry), "a/b", digest, publicKeyPolicy([pemOf(key)]));
    assert.deepEqual(evidence, { method: "legacy: public key", keyId: keyId(key.publicKey) });
  });
}

test("any of several keys, and any of several signatures, is enough", async () => {
  const registry = new TestRegistry();
  const [one, two, other] = [freshKey(), freshKey(), freshKey()];
  const { digest } = registry.release("a/b", "v1", [content], two);
  const policy = publicKeyPolicy([pemOf(one), pemOf(two)]);
  assert.equal((await verifyImage(memorySource(registry), "a/b", digest, policy)).keyId, keyId(two.publicKey));

  const layersOf = (key: TestKey) => {
    registry.signLegacy("a/b", digest, key);
    const manifest = registry.blobs.get(registry.names.get(`a/b:sha256-${digest.slice(7)}.sig`)!.digest)!;
    return JSON.parse(Buffer.from(manifest).toString()).layers;
  };
  registry.attach("a/b", digest, [...layersOf(other), ...layersOf(one)]);
  assert.equal((await verifyImage(memorySource(registry), "a/b", digest, policy)).keyId, keyId(one.publicKey));
});

test("the hash of the policy is the one that counts", async () => {
  for (const hash of ["sha224", "sha256", "sha384", "sha512"] as const) {
    const registry = new TestRegistry();
    const key = freshKey();
    const { digest } = registry.release("a/b", "v1", [content]);
    registry.signLegacy("a/b", digest, key, { hash });
    const source = memorySource(registry);
    await verifyImage(source, "a/b", digest, publicKeyPolicy([pemOf(key)], hash));
    const other = hash === "sha256" ? "sha512" : "sha256";
    const refused = verifyImage(source, "a/b", digest, publicKeyPolicy([pemOf(key)], other));
    await assert.rejects(refused, { code: "verification_failed" });
  }
});

test("with verification disabled nothing is asked for", async () => {
  const source = memorySource(new TestRegistry());
  const evidence = await verifyImage(source, "a/b", sha256("x"), { $case: "disabled" });
  assert.deepEqual(evidence, { method: "verification disabled" });
});

test("the payload is the one cosign signs", () => {
  assert.equal(
    Buffer.from(simpleSigningPayload("r.test/a/b", sha256(""))).toString(),
    `{"critical":{"identity":{"docker-reference":"r.test/a/b"},"image":{"docker-manifest-digest":"${sha256("")}"},` +
      `"type":"cosign container image signature"},"optional":null}`,
  );
});

test("keys that are no acceptable public keys make no policy", () => {
  const pem = (key: TestKey) => pemOf(key);
  const privatePem = freshKey().privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ["none", []],
    ["no key", ["hello"]],
    ["a private key", [privatePem]],
    ["short RSA", [pem(generateKeyPairSync("rsa", { modulusLength: 1024 }))]],
    ["secp256k1", [pem(generateKeyPairSync("ec", { namedCurve: "secp256k1" }))]],
    ["x25519", [pem(generateKeyPairSync("x25519"))]],
    ["one good, one bad", [pem(freshKey()), "x"]],
  ];
  for (const [name, pems] of rows) assert.throws(() => publicKeyPolicy(pems), { code: "malformed" }, name);
});

test("failures on the way are no verdict", async () => {
  const registry = new TestRegistry();
  const key = freshKey();
  const { digest } = registry.release("a/b", "v1", [content], key);
  const policy: TrustPolicy = publicKeyPolicy([pemOf(key)]);
  const source = memorySource(registry);
  const broken = { ...source, resolve: () => Promise.reject(new Error("cable")) };
  await assert.rejects(verifyImage(broken, "a/b", digest, policy), /^Error: cable$/);
});
