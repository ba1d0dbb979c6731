import { utf8 } from "../../bytes/text.ts";
import type { Jobs } from "../protocol.ts";
import { type JobContext, writeSquashfs } from "./context.ts";

/** Makes the squashfs of a virtual extension. */
export async function generateTree(
  { entries, compression }: Jobs["tree"]["input"],
  context: JobContext,
): Promise<Jobs["tree"]["output"]> {
  return await writeSquashfs(context, compression, async (writer) => {
    for (const entry of entries) {
      if (entry.$case === "dir") await writer.addDirectory(entry.path, { mode: entry.mode });
      else {
        const { path, mode, content, selinux } = entry;
        const xattrs = selinux === undefined ? {} : { xattrs: new Map([["security.selinux", utf8(selinux)]]) };
        const body = (async function* () {
          if (content.length > 0) yield content;
        })();
        await writer.addFile(path, { mode, ...xattrs }, body, content.length);
      }
    }
  });
}
