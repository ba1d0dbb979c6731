import { utf8 } from "../../bytes/text.ts";
import { biosCore, efiImage, eltoritoImage, type GrubContent, type GrubFiles } from "../../formats/grub/index.ts";
import { GrubFolder } from "../../sources/index.ts";
import { writeBlob } from "../../store/local-blobs.ts";
import type { Jobs } from "../protocol.ts";
import type { JobContext } from "./context.ts";

const MAX_IMAGE_BYTES = 64 * 2 ** 20;
const MAX_MODULES_BYTES = 256 * 2 ** 20;

/** Makes a core image. Throws `GrubError` for module files that are none. */
export async function makeGrub(
  { folder, image, platform, modules, prefix, config }: Jobs["grub"]["input"],
  context: JobContext,
): Promise<Jobs["grub"]["output"]> {
  const modulesFolder = new GrubFolder(folder);
  const files: GrubFiles = (name) => modulesFolder.file(platform, name);
  const content: GrubContent = { modules, prefix, ...(config === "" ? {} : { config: utf8(config) }) };
  const make = (): Promise<Uint8Array> => {
    if (platform !== "i386-pc") return efiImage(platform, files, content);
    return image === "core" ? biosCore(files, content, context.codec) : eltoritoImage(files, content, context.codec);
  };
  return await writeBlob(context.blobs, [await make()], { maxBytes: MAX_IMAGE_BYTES });
}

/** Packs the module files of a platform, sorted by name. */
export async function packGrubModules(
  { folder, platform }: Jobs["grubModules"]["input"],
  context: JobContext,
): Promise<Jobs["grubModules"]["output"]> {
  const modules = new GrubFolder(folder);
  const writer = await context.blobs.writer({ maxBytes: MAX_MODULES_BYTES });
  try {
    const files: { name: string; offset: number; size: number }[] = [];
    let offset = 0;
    for (const name of await modules.names(platform)) {
      if (name.endsWith(".img")) continue;
      context.checkpoint();
      const bytes = await modules.file(platform, name);
      await writer.write(bytes);
      files.push({ name, offset, size: bytes.length });
      offset += bytes.length;
    }
    return { files, content: await writer.commit() };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
