import { utf8 } from "../bytes/text.ts";
import { inline, type Recipe } from "../extents/index.ts";
import type { FatEntry } from "../formats/fat/index.ts";

/** The UKI's name on an ESP, from the version as given; systemd-boot finds it there by itself. */
export function ukiFileName(versionText: string): string {
  return `Talos-${versionText}.efi`;
}

export function directory(name: string, ...children: readonly FatEntry[]): FatEntry {
  return { $case: "directory", name, children };
}

export function file(name: string, content: Recipe | string, options: { readonly readOnly?: boolean } = {}): FatEntry {
  return { $case: "file", name, content: typeof content === "string" ? inline(utf8(content)) : content, ...options };
}
