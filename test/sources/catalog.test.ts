import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../src/bytes/digest.ts";
import { Catalog } from "../../src/sources/catalog.ts";
import { DEFAULT_COMPONENTS } from "../../src/sources/components.ts";
import { SourceError } from "../../src/sources/errors.ts";
import { parseExtensions, parseOverlays } from "../../src/sources/manifests.ts";
import type { ImageSource } from "../../src/sources/source.ts";
import { publicKeyPolicy } from "../../src/sources/trust/index.ts";
import { parseVersion } from "../../src/talos/version.ts";
import { memorySource } from "../support/memory-source.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { layer } from "../support/tar.ts";

const key = freshKey();
const [A, B] = [sha256("a"), sha256("b")];
const line = (name: string, tag: string, digest: string) => `upstream.test/siderolabs/${name}:${tag}@${digest}`;
const digests = `${line("gvisor", "2026", A)}\n  ${line("i915", "v1", B)}\r\n\nno digest here\n`;
const descriptions = `${line("gvisor", "2026", A)}:\n  author: Them\n  description: |\n    Text.\n`;
const overlaysYaml = `overlays:\n- name: rpi\n  image: upstream.test/siderolabs/sbc:v0.1\n  digest: ${A}\n`;

const extensions = [
  {
    name: "siderolabs/gvisor",
    ref: "core.test/siderolabs/gvisor:2026",
    digest: A,
    author: "Them",
    description: "Text.\n",
  },
  { name: "siderolabs/i915", ref: "core.test/siderolabs/i915:v1", digest: B, author: "", description: "" },
];
const overlays = [{ name: "rpi", image: "siderolabs/sbc", ref: "upstream.test/siderolabs/sbc:v0.1", digest: A }];

function catalogOver(source: ImageSource): Catalog {
  return new Catalog({
    source,
    policy: publicKeyPolicy([pemOf(key)]),
    names: { registryHost: "core.test", namespace: "mirror", components: DEFAULT_COMPONENTS },
    releases: {
      async require({ tag }) {
        if (tag === "v9.0.0") throw new SourceError("version_unavailable", "version 9.0.0 is not available");
      },
    },
    codec: {
      unzstd() {
        throw new Error("not used");
      },
    },
  });
}

async function filled(): Promise<TestRegistry> {
  const registry = new TestRegistry();
  const text = await layer([
    { name: "image-digests", body: digests },
    { name: "descriptions.yaml", body: descriptions },
  ]);
  registry.release("mirror/siderolabs/extensions", "v1.13.0", [{ bytes: text }], key);
  const list = await layer([{ name: "overlays.yaml", body: overlaysYaml }]);
  registry.release("mirror/siderolabs/overlays", "v1.13.0", [{ bytes: list }], key);
  const empty = await layer([{ name: "other", body: "x" }]);
  registry.release("mirror/siderolabs/extensions", "v1.12.0", [{ bytes: empty }], key);
  registry.release("mirror/siderolabs/overlays", "v1.12.0", [{ bytes: empty }], key);
  registry.release("mirror/siderolabs/extensions", "v1.11.0", [{ bytes: text }, { bytes: text }], freshKey());
  return registry;
}

test("extensions and overlays of a version, read once", async () => {
  const plain = memorySource(await filled());
  let resolved = 0;
  const catalog = catalogOver({
    ...plain,
    resolve(repository, tagOrDigest) {
      resolved++;
      return plain.resolve(repository, tagOrDigest);
    },
  });
  const version = parseVersion("1.13.0");
  const [one, two] = await Promise.all([catalog.extensions(version), catalog.extensions(version)]);
  assert.deepEqual(one, extensions);
  assert.equal(two, one);
  assert.equal(resolved, 2, "the image and its signature");
  assert.deepEqual(await catalog.overlays(version), overlays);
});

test("no overlays before Talos 1.7", async () => {
  assert.deepEqual(await catalogOver(memorySource(new TestRegistry())).overlays(parseVersion("1.6.9")), []);
});

test("lists that are not there, not signed, or not on offer", async () => {
  const catalog = catalogOver(memorySource(await filled()));
  const rows = [
    ["1.12.0", "catalog_missing"],
    ["1.10.0", "catalog_missing"],
    ["9.0.0", "version_unavailable"],
  ] as const;
  for (const [version, code] of rows) {
    await assert.rejects(catalog.extensions(parseVersion(version)), { code }, version);
    await assert.rejects(catalog.overlays(parseVersion(version)), { code }, version);
  }
  await assert.rejects(catalog.extensions(parseVersion("1.11.0")), { code: "verification_failed" });
});

test("a failure is not kept", async () => {
  const registry = new TestRegistry();
  const catalog = catalogOver(memorySource(registry));
  const version = parseVersion("1.13.0");
  await assert.rejects(catalog.extensions(version), { code: "catalog_missing" });
  const later = await filled();
  for (const [name, descriptor] of later.names) registry.name(name, descriptor);
  for (const [digest, bytes] of later.blobs) registry.blobs.set(digest, bytes);
  assert.deepEqual(await catalog.extensions(version), extensions);
});

test("lists that are malformed", () => {
  const bytes = (text: string) => Buffer.from(text);
  const lists: readonly (readonly [string, string | undefined, string])[] = [
    ["no digest@x\n", undefined, "malformed"],
    [`r.test/a@${A}`, undefined, "malformed"],
    [`r.test/../a:v1@${A}`, undefined, "malformed"],
    ["r.test/a:v1@sha256:abc", undefined, "malformed"],
    [digests, "a: b: c", "malformed"],
    [digests, `${line("gvisor", "2026", A)}:\n  author: [x]\n`, "malformed"],
    [digests, `a: &a [x, x, x, x, x, x, x, x, x, x]\n${bomb(9)}`, "malformed"],
    [`${line("a", "b", A)}\n`.repeat(10_001), undefined, "too_large"],
  ];
  for (const [text, about, code] of lists) {
    assert.throws(() => parseExtensions(bytes(text), about === undefined ? undefined : bytes(about), "core.test"), {
      code,
    });
  }
  const overlayLists: readonly string[] = [
    "overlays: x",
    "overlays:\n- x",
    `overlays:\n- {name: a, image: "r.test/a:v1", digest: x}`,
    `overlays:\n- {name: "", image: "r.test/a:v1", digest: "${A}"}`,
    `overlays:\n- {name: a, image: "r.test/a", digest: "${A}"}`,
    "overlays: [",
    `${"[".repeat(200_000)}`,
  ];
  for (const text of overlayLists)
    assert.throws(() => parseOverlays(bytes(text)), { code: "malformed" }, text.slice(0, 60));
  assert.throws(() => parseOverlays(Uint8Array.of(0xff)), { code: "malformed" });
  assert.deepEqual(parseOverlays(bytes("")), []);
  assert.deepEqual(parseOverlays(bytes("overlays:\n")), []);
});

/** A billion laughs: each list holds ten of the one before. */
function bomb(levels: number): string {
  const lines = [];
  for (let i = 0; i < levels; i++) {
    const name = String.fromCharCode(98 + i);
    const before = String.fromCharCode(97 + i);
    lines.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(", ")}]`);
  }
  return `${lines.join("\n")}\n`;
}
