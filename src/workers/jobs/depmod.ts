import { GiB } from "../../bytes/align.ts";
import { compareText } from "../../bytes/text.ts";
import { FactoryError, messageOf } from "../../errors.ts";
import { type BlobRef, blob, concat, inline, read, stream } from "../../extents/index.ts";
import { type CpioLimits, readCpio } from "../../formats/cpio/index.ts";
import {
  type IndexFile,
  type KernelModule,
  KmodError,
  moduleIndexes,
  readModule,
  selectModules,
} from "../../formats/kmod/index.ts";
import { openSquashfs, type SquashfsReader, type SquashfsSource } from "../../formats/squashfs/index.ts";
import type { Jobs, SquashfsParts } from "../protocol.ts";
import { cancellable, type JobContext, writeSquashfs } from "./context.ts";
import { collectFiles, LIMITS, readFile, type TreeFile, unpackedModule } from "./moduletree.ts";

type Input = Jobs["depmod"]["input"];

/** The record of the initramfs that holds the root file system (imager.md 5.4). */
const ROOTFS = "rootfs.sqsh";
/** First bytes of an .xz stream; anything else is zstd (imager.md 5.4). */
const XZ_MAGIC = "fd377a58";
const CPIO_LIMITS: CpioLimits = { maxEntries: 100_000, maxFileBytes: 2 * GiB, maxTotalBytes: 4 * GiB };
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;
/** Files about all modules, directly in the folder of a kernel release. */
const LIST = /^modules\.[^/]*$/;

/** A file of the extension that is made. */
interface ListFile extends IndexFile {
  readonly mode: number;
}

/**
 * Makes the extension with the files of `depmod` over the modules of the release and of all extensions together.
 * Throws `extension_invalid` for modules that cannot be read or that need each other in a circle,
 * `extension_incompatible` for modules of another kernel release and for a release without modules.
 */
export async function combineModules(input: Input, context: JobContext): Promise<Jobs["depmod"]["output"]> {
  const rootfs = await context.spool(rootfsOf(input.initramfs, context), CPIO_LIMITS.maxFileBytes);
  try {
    const base = await openSquashfs(rootfs, context.codec, LIMITS);
    const release = await kernelRelease(base, input.modulesPath.slice(1));
    const folder = `${input.modulesPath.slice(1)}/${release}`;
    const tree = new Map<string, TreeFile>();
    await collectFiles(tree, base, folder, context);
    for (const { name, squashfs } of input.extensions) {
      const reader = await openSquashfs(sourceOf(squashfs, context), context.codec, LIMITS);
      if ((await reader.lookup(folder))?.$case !== "directory") {
        throw incompatible(`extension ${name} has no kernel modules for ${release}`);
      }
      await collectFiles(tree, reader, folder, context);
    }
    const files = await listFiles(tree, input, context);
    return { release, squashfs: await writeTree(folder, files, input, context) };
  } finally {
    await rootfs.close();
  }
}

function incompatible(reason: string): FactoryError {
  return new FactoryError("extension_incompatible", reason);
}

/** The root file system out of a compressed initramfs. */
async function* rootfsOf({ digest, size }: BlobRef, context: JobContext): AsyncGenerator<Uint8Array> {
  const whole = blob(digest, size);
  const start = await read(whole, context.blobs, 0, Math.min(size, XZ_MAGIC.length / 2));
  const packed = zerosApart(cancellable(stream(whole, context.blobs), context));
  const isXz = Buffer.from(start).toString("hex") === XZ_MAGIC;
  const archive = isXz ? context.codec.unxz(packed) : context.codec.unzstd(packed);
  for await (const record of readCpio(archive, CPIO_LIMITS)) {
    if (record.path !== ROOTFS || record.type !== "file") continue;
    yield* record.body;
    return;
  }
  throw incompatible(`the base initramfs has no ${ROOTFS}`);
}

/**
 * The same bytes, but zeros at the end of a chunk come on their own: a decoder that takes no padding behind the last frame
 * gives all it has before it sees any.
 */
async function* zerosApart(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    const end = chunk.findLastIndex((byte) => byte !== 0) + 1;
    if (end > 0) yield chunk.subarray(0, end);
    if (end < chunk.length) yield chunk.subarray(end);
  }
}

function sourceOf({ superblock, body }: SquashfsParts, context: JobContext): SquashfsSource {
  const whole = concat(inline(Buffer.from(superblock, "base64")), blob(body.digest, body.size));
  return { size: whole.size, read: (offset, length) => read(whole, context.blobs, offset, length) };
}

/** The one kernel release the root file system has modules for. */
async function kernelRelease(base: SquashfsReader, path: string): Promise<string> {
  const folder = await base.lookup(path);
  const [entry, ...others] = folder?.$case === "directory" ? await base.list(folder) : [];
  if (!entry || others.length > 0 || entry.node.$case !== "directory") {
    throw incompatible(`/${path} of the release does not hold the modules of one kernel`);
  }
  return entry.path;
}

/** The lists the trees came with and what depmod makes of them and the modules, sorted by name. */
async function listFiles(
  tree: ReadonlyMap<string, TreeFile>,
  { kmod }: Input,
  context: JobContext,
): Promise<readonly ListFile[]> {
  const files = new Map<string, ListFile>();
  for (const [name, file] of tree) {
    if (LIST.test(name)) files.set(name, { name, mode: file.node.mode, bytes: await readFile(file, context) });
  }
  const modules: KernelModule[] = [];
  try {
    for (const path of selectModules(tree.keys())) {
      const packed = await readFile(tree.get(path)!, context);
      modules.push({ path, facts: readModule(await unpackedModule(packed, path, context), path) });
    }
    const lists = {
      order: files.get("modules.order")?.bytes,
      builtin: files.get("modules.builtin")?.bytes,
      builtinModinfo: files.get("modules.builtin.modinfo")?.bytes,
    };
    for (const file of moduleIndexes({ modules, lists, release: kmod })) {
      files.set(file.name, { ...file, mode: FILE_MODE });
    }
  } catch (cause) {
    if (!(cause instanceof KmodError)) throw cause;
    throw new FactoryError("extension_invalid", `kernel modules: ${messageOf(cause)}`, { cause });
  }
  return [...files.values()].sort((a, b) => compareText(a.name, b.name));
}

async function writeTree(
  folder: string,
  files: readonly ListFile[],
  { compression }: Input,
  context: JobContext,
): Promise<SquashfsParts> {
  return await writeSquashfs(context, compression, async (writer) => {
    const parts = folder.split("/");
    for (let depth = 0; depth <= parts.length; depth++) {
      await writer.addDirectory(parts.slice(0, depth).join("/"), { mode: DIRECTORY_MODE });
    }
    for (const { name, mode, bytes } of files) {
      const body = (async function* () {
        if (bytes.length > 0) yield bytes;
      })();
      await writer.addFile(`${folder}/${name}`, { mode }, body, bytes.length);
    }
  });
}
