import { utf8 } from "../../src/bytes/text.ts";
import { inline, type Recipe } from "../../src/extents/index.ts";
import type { FatEntry } from "../../src/formats/fat/index.ts";

export function file(name: string, content: string | Recipe, readOnly = false): FatEntry {
  return { $case: "file", name, readOnly, content: typeof content === "string" ? inline(utf8(content)) : content };
}

export function directory(name: string, ...children: FatEntry[]): FatEntry {
  return { $case: "directory", name, children };
}
