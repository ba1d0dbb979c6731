import { blob, inline } from "../extents/index.ts";
import type { FlatEntry } from "../recipes/trees.ts";
import type { UnpackedEntry, UnpackedTree } from "../workers/protocol.ts";

type Listed<Entry extends UnpackedEntry> = Extract<FlatEntry, Pick<Entry, "$case">>;

/** The entries of an unpacked tree with their contents. */
export function flatTree<Entry extends UnpackedEntry>(
  entries: readonly Entry[],
  content: UnpackedTree["content"],
): readonly Listed<Entry>[] {
  const flat = (entry: UnpackedEntry): FlatEntry => {
    if (entry.$case !== "file") return entry;
    const { path, mode, offset, size } = entry;
    const bytes = content && size > 0 ? blob(content.digest, size, offset) : inline(new Uint8Array());
    return { $case: "file", path, mode, content: bytes };
  };
  return entries.map((entry) => flat(entry) as Listed<Entry>);
}
