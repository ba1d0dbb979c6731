import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConstraint } from "../../src/talos/constraint.ts";
import {
  availableExtension,
  checkExtensionLayout,
  embeddedConfigExtension,
  emitExtensionsYaml,
  emitManifest,
  extensionOrder,
  parseManifest,
  schematicExtension,
} from "../../src/talos/extensions.ts";
import { EMPTY_SCHEMATIC } from "../../src/talos/schematic.ts";
import { parseTolerant } from "../../src/talos/version.ts";

/** Constraint, versions that meet it, versions that do not; checked against the reference (imager.md 5.3). */
const CONSTRAINTS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["", ["v1.0.0", "latest"], []],
  [">= v1.5.0", ["v1.5.0", "v1.10.0-beta.1", "latest"], ["v1.4.8"]],
  [">v1.9.0", ["v1.9.6", "v1.12.0"], ["v1.9.0", "v1.8.3"]],
  ["< v1.9.0", ["v1.8.3"], ["v1.9.0-alpha.0", "v1.15.0-alpha.0"]],
  ["=1.9.0", ["v1.9.0", "v1.9.0-alpha.0"], ["v1.9.6"]],
  ["!1.9.0", ["v1.8.3"], ["v1.9.0"]],
  [">= v1.5.0 < v1.10.0", ["v1.9.6"], ["v1.10.0", "v1.4.0"]],
  [">=1.5.0 <1.8.0 || >=1.9.0", ["v1.7.0", "v1.10.0"], ["v1.8.3"]],
  ["1.9.x", ["v1.9.6"], ["v1.10.0", "v1.8.3"]],
  ["1.x", ["v1.5.0"], ["v2.0.0"]],
  ["<1.10.x", ["v1.9.6"], ["v1.10.0"]],
  [">1.9.x", ["v1.10.0"], ["v1.9.6"]],
  ["<=1.9.x", ["v1.9.6"], ["v1.10.0"]],
  ["!=1.9.x", ["v1.8.3", "v1.10.0"], ["v1.9.6"]],
  [">= v1.5.0 <", ["v1.8.3"], ["v1.4.0"]],
  ["1.5.0 - 1.9.0", [], ["v1.5.0", "v1.9.0"]],
];
const NO_CONSTRAINTS = [
  "*",
  "x",
  "~1.9.0",
  "^1.9.0",
  ">= v1.9",
  "foo",
  ">=",
  "  ",
  "v",
  "|| 1.5.0",
  ">=1.5.0||",
  "=> 1.5.0",
];

test("version constraints", () => {
  for (const [constraint, met, unmet] of CONSTRAINTS) {
    for (const text of met)
      assert.doesNotThrow(() => checkConstraint(constraint, parseTolerant(text)), constraint + text);
    for (const text of unmet) {
      assert.throws(
        () => checkConstraint(constraint, parseTolerant(text)),
        { code: "extension_incompatible" },
        constraint,
      );
    }
  }
  for (const constraint of NO_CONSTRAINTS) {
    assert.throws(() => checkConstraint(constraint, undefined), { code: "extension_invalid" }, constraint);
  }
});

const MANIFEST = `version: v1alpha1
metadata:
    name: gvisor
    version: "20240410"
    author: Sidero Labs
    description: |
        [core] x
    compatibility:
        talos:
            version: '>= v1.5.0'
`;

test("manifests read and write", () => {
  const metadata = parseManifest(MANIFEST);
  assert.deepEqual(metadata, {
    name: "gvisor",
    version: "20240410",
    author: "Sidero Labs",
    description: "[core] x\n",
    talosVersion: ">= v1.5.0",
    extraInfo: "",
  });
  assert.equal(emitManifest(metadata), MANIFEST);
  assert.equal(parseManifest(`${MANIFEST}    unknown: {a: b}\n`).name, "gvisor");
});

test("manifests that are none", () => {
  for (const text of [
    "",
    "{}",
    "version: v1",
    "version: v1alpha1\nmetadata: []",
    "version: v1alpha1\nversion: v1alpha1",
    "{",
  ]) {
    assert.throws(() => parseManifest(text), { code: "extension_invalid" }, text);
  }
});

test("an extension holds a manifest and a rootfs, nothing else", () => {
  checkExtensionLayout(["rootfs", "manifest.yaml"]);
  assert.throws(() => checkExtensionLayout(["rootfs", "manifest.yaml", "README"]), {
    message: 'unexpected file "README"',
  });
  assert.throws(() => checkExtensionLayout(["manifest.yaml"]), { message: "extension rootfs is missing" });
});

test("positions are ordered as text", () => {
  assert.deepEqual(extensionOrder(12), [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]);
});

const EXTENSIONS_YAML = `layers:
    - image: 0.sqsh
      metadata:
        name: schematic
        version: 376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba
        author: Image Factory (https://factory.example/)
        description: Virtual extension which specifies the schematic of the image
            built with schematic.
        compatibility:
            talos:
                version: '>= 1.0.0'
        extraInfo: |
            customization: {}
`;

test("extensions.yaml folds, manifests do not", () => {
  assert.equal(emitExtensionsYaml([]), "layers: []\n");
  const { metadata, rootfs } = schematicExtension(EMPTY_SCHEMATIC, parseTolerant("1.7.0"), "https://factory.example/");
  assert.equal(emitExtensionsYaml([{ image: "0.sqsh", metadata }]), EXTENSIONS_YAML);
  assert.match(emitManifest(metadata), /image built with schematic\.\n/);
  assert.deepEqual(parseManifest(emitManifest(metadata)), metadata);
  assert.deepEqual(
    rootfs.map(({ path }) => path),
    [
      "usr",
      "usr/local",
      "usr/local/share",
      "usr/local/share/schematic",
      `usr/local/share/schematic/${metadata.version}`,
    ],
  );
  assert.equal(schematicExtension(EMPTY_SCHEMATIC, parseTolerant("1.6.8"), "x").metadata.extraInfo, "");
});

test("the embedded configuration is an extension of its own", () => {
  const { metadata, rootfs } = embeddedConfigExtension("machine: {}\n");
  assert.equal(metadata.version, "2a5c1276ba1c0a483d83c671b8276645063d9bdb257415a6b259223fffdeb619");
  const file = rootfs.at(-1)!;
  assert.deepEqual([file.path, file.mode], ["usr/local/etc/talos/config.yaml", 0o400]);
  assert.ok(file.$case === "file" && file.selinux === "system_u:object_r:system_state_t:s0");
});

test("renamed extensions are found only when the name itself is not", () => {
  const offer =
    (...names: readonly string[]) =>
    (name: string) =>
      names.includes(name);
  const find = availableExtension;
  assert.equal(find("siderolabs/i915-ucode", offer("siderolabs/i915")), "siderolabs/i915");
  assert.equal(
    find("siderolabs/i915-ucode", offer("siderolabs/i915", "siderolabs/i915-ucode")),
    "siderolabs/i915-ucode",
  );
  assert.equal(find("siderolabs/i915", offer("siderolabs/i915-ucode")), undefined);
  assert.equal(find("other/i915-ucode", offer("siderolabs/i915")), undefined);
  assert.equal(
    find("siderolabs/constructor", () => false),
    undefined,
  );
});
