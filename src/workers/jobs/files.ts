import type { BlobRef } from "../../extents/index.ts";
import type { BlobWriter } from "../../store/ports.ts";
import type { Jobs } from "../protocol.ts";
import { fileTree, type JobContext } from "./context.ts";

/** Largest single boot asset; a real initramfs is under 100 MiB. */
const MAX_FILE_BYTES = 2 * 2 ** 30;

/** Picks files out of an image. They become blobs only after every layer's digest was found right. */
export async function pickFiles(
  { image, paths }: Jobs["files"]["input"],
  context: JobContext,
): Promise<Jobs["files"]["output"]> {
  const open = new Map<string, BlobWriter>();
  const files: Record<string, BlobRef> = {};
  try {
    for await (const entry of fileTree(image, context)) {
      if (entry.$case !== "file" || !paths.includes(entry.path)) continue;
      const writer = await context.blobs.writer({ maxBytes: MAX_FILE_BYTES });
      open.set(entry.path, writer);
      for await (const bytes of entry.body) {
        context.checkpoint();
        await writer.write(bytes);
      }
    }
    for (const [path, writer] of open) {
      open.delete(path);
      files[path] = await writer.commit();
    }
    return { files };
  } catch (error) {
    await Promise.all([...open.values()].map((writer) => writer.abort()));
    throw error;
  }
}
