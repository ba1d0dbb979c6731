import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { zeros } from "../../src/extents/index.ts";
import {
  bootPartition,
  diskEsp,
  grubDiskEsp,
  isoEspBytes,
  isoGrub,
  isoUefi,
  type ModedEntry,
  withModes,
} from "../../src/recipes/trees.ts";

/** `mode path` of everything, in order. */
function listed(entries: readonly ModedEntry[], above = ""): readonly string[] {
  return entries.flatMap((entry) => {
    const line = `${entry.mode.toString(8)} ${above}${entry.name}`;
    return entry.$case === "file" ? [line] : [line, ...listed(entry.children, `${above}${entry.name}/`)];
  });
}

const uefi = {
  arch: "arm64",
  ukiName: "Talos-v1.12.4.efi",
  uki: zeros(3 * MiB + 1),
  systemdBoot: zeros(1),
  loaderConf: "timeout 10\n",
} as const;
const enrollment = {
  signingCert: zeros(3),
  variables: (["PK", "KEK", "db"] as const).map((name) => ({ name, content: zeros(4) })),
};
const grub = { kernel: zeros(1), initramfs: zeros(2), config: "set timeout=3\n" };

test("the ESP of a disk", () => {
  const plain = [
    "755 EFI",
    "755 EFI/Linux",
    "644 EFI/Linux/Talos-v1.12.4.efi",
    "755 EFI/boot",
    "644 EFI/boot/BOOTAA64.efi",
  ];
  const loader = ["755 loader", "644 loader/loader.conf"];
  assert.deepEqual(listed(withModes(diskEsp(uefi))), [...plain, ...loader]);
  // The certificate is for ISOs only.
  assert.deepEqual(listed(withModes(diskEsp({ ...uefi, enrollment }))), [
    ...plain,
    ...loader,
    "755 loader/keys",
    "755 loader/keys/auto",
    "644 loader/keys/auto/PK.auth",
    "644 loader/keys/auto/KEK.auth",
    "644 loader/keys/auto/db.auth",
  ]);
  assert.deepEqual(listed(withModes(grubDiskEsp("amd64", zeros(1)))), [
    "755 EFI",
    "755 EFI/boot",
    "644 EFI/boot/BOOTX64.efi",
  ]);
});

test("the BOOT partition: GRUB's configuration, which may hold secrets, is for root alone", () => {
  assert.deepEqual(listed(bootPartition(grub)), [
    "755 A",
    "644 A/initramfs.xz",
    "644 A/vmlinuz",
    "700 grub",
    "600 grub/grub.cfg",
  ]);
});

test("the files of an ISO", () => {
  const efi = [
    "755 EFI",
    "755 EFI/Linux",
    "644 EFI/Linux/Talos-v1.12.4.efi",
    "755 EFI/BOOT",
    "644 EFI/BOOT/BOOTAA64.EFI",
  ];
  const loader = ["755 loader", "644 loader/loader.conf", "444 loader/random-seed"];
  assert.deepEqual(listed(withModes(isoUefi(uefi))), [...efi, ...loader]);
  assert.deepEqual(listed(withModes(isoUefi({ ...uefi, enrollment }))), [
    ...efi,
    "755 EFI/keys",
    "644 EFI/keys/uki-signing-cert.der",
    ...loader,
    "755 loader/keys",
    "755 loader/keys/auto",
    "644 loader/keys/auto/PK.auth",
    "644 loader/keys/auto/KEK.auth",
    "644 loader/keys/auto/db.auth",
  ]);
  assert.deepEqual(listed(withModes(isoGrub(grub))), [
    "755 boot",
    "755 boot/grub",
    "644 boot/grub/grub.cfg",
    "644 boot/initramfs.xz",
    "644 boot/vmlinuz",
  ]);
});

test("the size of an ISO's ESP: both programs in whole MiB and 10 MiB more", () => {
  assert.equal(isoEspBytes(uefi), 15 * MiB);
  assert.equal(isoEspBytes({ uki: zeros(MiB), systemdBoot: zeros(MiB) }), 12 * MiB);
});
