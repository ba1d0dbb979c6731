import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../src/bytes/text.ts";
import { testFactory } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addTinyRelease, bootFiles, VERSION } from "../support/release.ts";
import { layer } from "../support/tar.ts";

const NEVER = new AbortController().signal;
const SD_BOOT = "customization: {bootloader: sd-boot}";

test("every refusal has its code", async () => {
  await using data = await temporaryFolder();
  await using source = await temporaryFolder();
  const key = freshKey();
  const registry = new TestRegistry();
  await addTinyRelease(registry, key);
  registry.release("siderolabs/imager", "v1.6.0", [{ bytes: await layer(bootFiles()) }], key);
  const withoutStub = bootFiles().filter(({ name }) => !name.includes("stub"));
  registry.release("siderolabs/imager", "v1.13.0", [{ bytes: await layer(withoutStub) }], key);
  await registry.writeLayout(source.path);
  const layout = { $case: "layout", folder: source.path } as const;
  await using tested = await testFactory({ source: layout, publicKey: pemOf(key), dataFolder: data.path });
  const { factory } = tested;

  /** Schematic, version, path, code. */
  const vectors: readonly (readonly [string, string, string, string])[] = [
    ["{}", "1.14", "kernel-amd64", "version_invalid"],
    ["{}", "v1.99.0", "kernel-amd64", "version_unavailable"],
    ["{}", VERSION, "metal-amd64.floppy", "path_invalid"],
    ["{}", VERSION, "kernel-mips", "arch_invalid"],
    ["{}", VERSION, "kernel-arm64", "asset_missing"],
    ["{}", VERSION, "foo-amd64-uki.efi", "platform_unknown"],
    ["{}", VERSION, "metal-amd64.iso", "grub_missing"],
    ["{}", VERSION, "installer-amd64.tar", "not_built"],
    ["{}", "v1.13.0", "metal-amd64-uki.efi", "unsupported_version"],
    [
      "customization: {bootloader: sd-boot, diskImage: {sectorSize: 1}}",
      VERSION,
      "metal-amd64.raw",
      "sector_size_invalid",
    ],
    ["customization: {bootloader: sd-boot, meta: [{key: 0, value: a}]}", VERSION, "metal-amd64.raw", "tag_invalid"],
    [
      "customization: {systemExtensions: {officialExtensions: [siderolabs/x]}}",
      VERSION,
      "initramfs-amd64.xz",
      "extension_unavailable",
    ],
    ["overlay: {name: board}", "v1.6.0", "kernel-amd64", "profile_unsupported"],
  ];
  for (const [yaml, version, path, code] of vectors) {
    const { id } = await factory.putSchematic(utf8(yaml));
    await assert.rejects(
      factory.asset({ schematic: id, version, path }, NEVER),
      { code },
      `${yaml} ${version} ${path}`,
    );
  }
  const unknown = { schematic: "0".repeat(64), version: VERSION, path: "kernel-amd64" };
  await assert.rejects(factory.asset(unknown, NEVER), { code: "schematic_not_found" });
  await assert.rejects(factory.pxe({ ...unknown, path: "metal-amd64" }, NEVER), { code: "schematic_not_found" });
  await assert.rejects(factory.schematicText(unknown.schematic), { code: "schematic_not_found" });
  await assert.rejects(factory.putSchematic(utf8("owner: bob")), { code: "owner_refused" });
  await assert.rejects(factory.putSchematic(utf8("a: 1")), { code: "schematic_invalid" });
  const { id } = await factory.putSchematic(utf8(SD_BOOT));
  const asset = { schematic: id, version: VERSION, path: "metal-amd64.iso" };
  await assert.rejects(factory.asset(asset, AbortSignal.abort()), { code: "cancelled" });
  assert.equal((await factory.asset(asset, NEVER)).size % 2048, 0);
});
