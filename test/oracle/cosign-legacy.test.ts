import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseManifest } from "../../src/formats/oci/index.ts";
import { SIGNATURE_ANNOTATION, signatureTag } from "../../src/sources/trust/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, type TestKey, TestRegistry } from "../support/registry.ts";

const keys: readonly (readonly [string, TestKey])[] = [
  ["ECDSA P-256", freshKey()],
  ["RSA 2048", generateKeyPairSync("rsa", { modulusLength: 2048 })],
];

for (const [name, key] of keys) {
  test(`openssl accepts our test signatures by ${name}, and nothing changed`, async () => {
    await using folder = await temporaryFolder();
    const registry = new TestRegistry();
    const { digest } = registry.release("a/b", "v1", [{ bytes: Buffer.from("x") }], key);
    const descriptor = registry.names.get(`a/b:${signatureTag(digest)}`)!;
    const [layer] = parseManifest(registry.blobs.get(descriptor.digest)!, descriptor.mediaType).layers;
    const path = (file: string) => join(folder.path, file);
    await writeFile(path("key.pem"), pemOf(key));
    await writeFile(path("signature"), Buffer.from(layer!.annotations![SIGNATURE_ANNOTATION]!, "base64"));
    await writeFile(path("payload"), registry.blobs.get(layer!.digest)!);
    await writeFile(path("changed"), Buffer.concat([registry.blobs.get(layer!.digest)!, Buffer.from(" ")]));
    const verify = (file: string) =>
      execFileSync(
        "openssl",
        ["dgst", "-sha256", "-verify", path("key.pem"), "-signature", path("signature"), path(file)],
        {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
    assert.match(verify("payload"), /Verified OK/);
    assert.throws(() => verify("changed"));
  });
}
