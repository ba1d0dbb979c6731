import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import type { Arch } from "../../src/talos/arch.ts";
import {
  type BootloaderKind,
  bootloaderFor,
  diskSizeFor,
  isoVariant,
  partitionPlan,
} from "../../src/talos/bootloader.ts";
import { parseTolerant } from "../../src/talos/version.ts";

/** outputs.md 2.2 and 3.1: choice, version, architecture, SecureBoot, boot loader, ISO variant. */
const RULES: readonly (readonly [BootloaderKind, string, Arch, boolean, string, string])[] = [
  ["none", "1.9.5", "amd64", false, "grub", "grub"],
  ["none", "1.9.5", "arm64", false, "grub", "grub"],
  ["none", "1.10.0", "amd64", false, "dual-boot", "hybrid"],
  ["none", "1.10.0", "arm64", false, "sd-boot", "hybrid"],
  ["none", "1.12.0", "arm64", false, "sd-boot", "uefi"],
  ["none", "1.12.0", "amd64", false, "dual-boot", "hybrid"],
  ["none", "odd", "amd64", false, "grub", "grub"],
  ["grub", "1.14.0", "amd64", false, "grub", "grub"],
  ["grub", "1.11.0", "amd64", false, "grub", "hybrid"],
  ["sd-boot", "1.8.0", "amd64", false, "sd-boot", "grub"],
  ["grub", "1.14.0", "amd64", true, "sd-boot", "uefi"],
  ["none", "1.5.0", "arm64", true, "sd-boot", "uefi"],
];

test("boot loader and ISO variant", () => {
  for (const [chosen, text, arch, secureboot, loader, variant] of RULES) {
    const target = { arch, version: parseTolerant(text), secureboot };
    assert.deepEqual(
      [bootloaderFor(chosen, target), isoVariant(chosen, target)],
      [loader, variant],
      `${chosen} ${text}`,
    );
  }
});

test("disk sizes (outputs.md 2.3)", () => {
  const size = (base: number, loader: "grub" | "sd-boot" | "dual-boot", version: string): number =>
    diskSizeFor(base * MiB, loader, parseTolerant(version)) / MiB;
  assert.deepEqual([size(1246, "grub", "1.9.0"), size(8192, "sd-boot", "1.10.0")], [1246, 8192]);
  assert.deepEqual([size(1246, "dual-boot", "1.10.0"), size(8192, "dual-boot", "1.10.0")], [2247, 9193]);
  assert.deepEqual([size(1246, "grub", "1.11.0"), size(8192, "sd-boot", "1.14.0")], [2246, 9192]);
  assert.deepEqual([size(1246, "dual-boot", "1.11.0"), size(8192, "dual-boot", "odd")], [4247, 11193]);
});

test("partition lists (outputs.md 2.6)", () => {
  const plan = (...args: Parameters<typeof partitionPlan>): string =>
    partitionPlan(...args)
      .map(({ label, sizeBytes, filesystem }) => `${label}:${sizeBytes / MiB}:${filesystem}`)
      .join(" ");
  const at = parseTolerant;
  assert.equal(plan("dual-boot", at("1.11.0"), "amd64"), "EFI:2101:fat32 BIOS:1:none BOOT:2000:xfs META:1:none");
  assert.equal(plan("grub", at("1.10.0"), "arm64"), "EFI:100:fat32 BIOS:1:none BOOT:1000:xfs META:1:none");
  assert.equal(
    plan("grub", at("1.7.0"), "amd64"),
    "EFI:100:fat32 BIOS:1:none BOOT:1000:xfs META:1:none STATE:100:none EPHEMERAL:0:none",
  );
  assert.equal(plan("sd-boot", at("1.12.0"), "arm64", 5 * MiB), "EFI:2101:fat32 META:1:none IMAGECACHE:5:ext4");
  const bios = partitionPlan("grub", undefined, "amd64")[1]!;
  assert.deepEqual([bios.type, bios.attributes], ["21686148-6449-6e6f-744e-656564454649", 4n]);
  assert.throws(() => partitionPlan("dual-boot", at("1.11.0"), "arm64"), { code: "bootloader_invalid" });
});
