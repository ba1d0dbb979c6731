import { compareText } from "../../bytes/text.ts";
import type { TreeEntry } from "../../sources/index.ts";
import type { BlobWriter } from "../../store/ports.ts";
import type { Jobs, UnpackedEntry } from "../protocol.ts";
import { cancellable, Directories, fileTree, type JobContext } from "./context.ts";

const MAX_CONTENT_BYTES = 64 * 2 ** 30;

/** Unpacks a tree as the reference does (imager.md 5.1). Nothing is stored when it cannot be read to its end. */
export async function unpackTree(
  { image }: Jobs["unpack"]["input"],
  context: JobContext,
): Promise<Jobs["unpack"]["output"]> {
  const writer = await context.blobs.writer({ maxBytes: MAX_CONTENT_BYTES });
  try {
    const entries = new Map<string, UnpackedEntry>();
    const directories = new Directories();
    let size = 0;
    for await (const entry of fileTree(image, context)) {
      directories.add(entry);
      if (entry.$case === "directory") continue;
      const unpacked = await unpack(entry, size, writer, context);
      if (unpacked.$case === "file") size += unpacked.size;
      entries.set(unpacked.path, unpacked);
    }
    for (const { path, mode } of directories.list()) entries.set(path, { $case: "directory", path, mode });
    const complete = [...entries.values()].sort(walkOrder);
    if (size > 0) return { entries: complete, content: await writer.commit() };
    await writer.abort();
    return { entries: complete, content: undefined };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function unpack(
  entry: Exclude<TreeEntry, { readonly $case: "directory" }>,
  offset: number,
  writer: BlobWriter,
  context: JobContext,
): Promise<UnpackedEntry> {
  const { path, mode } = entry;
  if (entry.$case === "symlink") return { $case: "symlink", path, target: entry.target };
  if (entry.$case !== "file") return { $case: "file", path, mode, offset, size: 0 };
  for await (const bytes of cancellable(entry.body, context)) await writer.write(bytes);
  return { $case: "file", path, mode, offset, size: entry.size };
}

/** Depth-first, children by name. */
function walkOrder(a: UnpackedEntry, b: UnpackedEntry): number {
  return compareText(a.path.replaceAll("/", "\0"), b.path.replaceAll("/", "\0"));
}
