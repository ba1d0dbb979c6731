import { MiB } from "../../../src/bytes/align.ts";
import { labelGuid } from "../../../src/bytes/guid.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { inline, type Recipe, zeros } from "../../../src/extents/index.ts";
import type { XfsEntry, XfsVolume } from "../../../src/formats/xfs/index.ts";

export function file(name: string, content: string | Recipe, mode = 0o644): XfsEntry {
  return { $case: "file", name, mode, content: typeof content === "string" ? inline(utf8(content)) : content };
}

export function directory(name: string, mode: number, ...children: readonly XfsEntry[]): XfsEntry {
  return { $case: "directory", name, mode, children };
}

/** A BOOT partition's tree around a kernel and an initramfs of given sizes in bytes. */
export function bootTree(kernel: number, initramfs: number): readonly XfsEntry[] {
  return [
    directory("A", 0o755, file("vmlinuz", zeros(kernel)), file("initramfs.xz", zeros(initramfs))),
    directory("grub", 0o700, file("grub.cfg", "set timeout=3\n", 0o600)),
  ];
}

export const BOOT: XfsVolume = {
  sizeBytes: 1000 * MiB,
  label: "BOOT",
  uuid: labelGuid("BOOT"),
  features: "lts_6.18",
  mtime: 1_559_424_892,
  rootMode: 0o755,
  tree: bootTree(12_345_678, 98_765_432),
};
