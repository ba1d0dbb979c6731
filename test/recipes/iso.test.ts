import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { type Recipe, read, zeros } from "../../src/extents/index.ts";
import { grubIso, hybridIso, type IsoGrub, type IsoPlan, uefiIso } from "../../src/recipes/iso.ts";
import type { TreeNode } from "../../src/recipes/trees.ts";
import { IsoReader } from "../support/iso-reader.ts";
import { NO_BLOBS } from "../support/write-image.ts";

const imageCache: readonly TreeNode[] = [
  {
    $case: "directory",
    name: "blob",
    mode: 0o700,
    children: [
      { $case: "file", name: "plain", mode: 0o640, content: zeros(1) },
      { $case: "file", name: "program", mode: 0o4710, content: zeros(2) },
    ],
  },
  { $case: "symlink", name: "latest", target: "blob/plain" },
];
const plan: IsoPlan = { volumeId: "TALOS_V1_12_4", volumeSetId: "Talos-v1.12.4", imageCache, mtime: 1_700_000_000 };
const uefi = {
  arch: "amd64",
  ukiName: "Talos-v1.12.4.efi",
  uki: zeros(MiB),
  systemdBoot: zeros(1),
  loaderConf: "timeout 10\n",
} as const;
const grub: IsoGrub = {
  kernel: zeros(1),
  initramfs: zeros(2),
  config: "set timeout=3\n",
  bootSector: new Uint8Array(512),
  eltorito: new Uint8Array(4096),
  modules: [{ platform: "i386-pc", files: [] }],
};

/** Permissions of what is in the image cache, by path; links with their target. */
async function cacheOf(image: Recipe): Promise<Readonly<Record<string, string>>> {
  const reader = new IsoReader(await read(image, NO_BLOBS, 0, MiB));
  const found = [...reader.walk()].filter(({ path }) => path.startsWith("/imagecache"));
  return Object.fromEntries(
    found.map(({ path, mode, target }) => [path, [mode.toString(8), ...(target ? [target] : [])].join(" ")]),
  );
}

test("the image cache keeps its modes beside systemd-boot", async () => {
  assert.deepEqual(await cacheOf(uefiIso(plan, uefi)), {
    "/imagecache": "40755",
    "/imagecache/blob": "40700",
    "/imagecache/blob/plain": "100640",
    "/imagecache/blob/program": "104710",
    "/imagecache/latest": "120777 blob/plain",
  });
});

test("beside GRUB everything is read-only to everybody; what somebody may execute, everybody may", async () => {
  const images = [hybridIso(plan, uefi, grub), grubIso(plan, grub, { "bootx64.efi": zeros(5) })];
  for (const image of images) {
    assert.deepEqual(await cacheOf(image), {
      "/imagecache": "40555",
      "/imagecache/blob": "40555",
      "/imagecache/blob/plain": "100444",
      "/imagecache/blob/program": "100555",
      "/imagecache/latest": "120555 blob/plain",
    });
  }
});
