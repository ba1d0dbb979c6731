import { gunzipSync } from "node:zlib";
import { MiB } from "../../bytes/align.ts";
import { concatBytes } from "../../bytes/text.ts";
import { FactoryError, messageOf } from "../../errors.ts";
import type { SquashfsLimits, SquashfsNode, SquashfsReader } from "../../formats/squashfs/index.ts";
import type { JobContext } from "./context.ts";

/** Bytes of one module, packed or not. The largest ones, of GPU drivers, have some ten MiB. */
const MAX_MODULE_BYTES = 96 * MiB;
export const LIMITS: SquashfsLimits = { maxEntries: 100_000, maxDepth: 32, maxFileBytes: MAX_MODULE_BYTES };
/** Symbolic links followed for one name, as many as Linux follows (kernel: include/linux/namei.h, MAXSYMLINKS). */
const MAX_LINKS = 40;

/** A file of an image, and how to read it. */
export interface TreeFile {
  readonly reader: SquashfsReader;
  readonly node: SquashfsNode & { readonly $case: "file" };
}

/**
 * Adds the files below `folder` to `tree`, over those of the same path. Links count as the file they lead to; those
 * that lead nowhere or to a folder are left out, as the kernel's own `build` is.
 */
export async function collectFiles(
  tree: Map<string, TreeFile>,
  reader: SquashfsReader,
  folder: string,
  context: JobContext,
): Promise<void> {
  for await (const { path, node } of reader.walk(folder)) {
    context.checkpoint();
    const file = node.$case === "symlink" ? await followed(reader, `${folder}/${path}`) : node;
    if (file?.$case === "file") tree.set(path, { reader, node: file });
  }
}

async function followed(reader: SquashfsReader, path: string): Promise<SquashfsNode | undefined> {
  let at = path;
  for (let hops = 0; hops < MAX_LINKS; hops++) {
    const node = await reader.lookup(at);
    if (node?.$case !== "symlink") return node;
    const parts = node.target.startsWith("/") ? [] : at.split("/").slice(0, -1);
    for (const part of node.target.split("/")) {
      if (part === "..") parts.pop();
      else if (part !== "" && part !== ".") parts.push(part);
    }
    at = parts.join("/");
  }
  return undefined;
}

/** All of a file. */
export async function readFile({ reader, node }: TreeFile, context: JobContext): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(node.size);
  let at = 0;
  for await (const piece of reader.read(node)) {
    context.checkpoint();
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** First bytes of what a module may be packed with: gzip (RFC 1952), xz (xz spec 2.1.1.1), zstd (RFC 8878). */
const MAGICS = { gzip: "1f8b", xz: "fd377a585a00", zstd: "28b52ffd" } as const;

/** A module as the kernel loads it, unpacked when it is packed. Throws `extension_invalid` for damage and excess. */
export async function unpackedModule(packed: Uint8Array, path: string, context: JobContext): Promise<Uint8Array> {
  const start = Buffer.from(packed.subarray(0, 6)).toString("hex");
  const source = (async function* () {
    yield packed;
  })();
  try {
    if (start.startsWith(MAGICS.gzip)) return gunzipSync(packed, { maxOutputLength: MAX_MODULE_BYTES });
    if (start.startsWith(MAGICS.xz)) return await bounded(context.codec.unxz(source));
    if (start.startsWith(MAGICS.zstd)) return await bounded(context.codec.unzstd(source));
    return packed;
  } catch (cause) {
    const reason = messageOf(cause);
    throw new FactoryError("extension_invalid", `kernel module ${path.slice(0, 200)}: ${reason}`, { cause });
  }
}

async function bounded(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    size += piece.length;
    if (size > MAX_MODULE_BYTES) throw new RangeError(`more than ${MAX_MODULE_BYTES} bytes`);
    pieces.push(piece);
  }
  return concatBytes(...pieces);
}
