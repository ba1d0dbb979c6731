import { blob, stream } from "../../extents/index.ts";
import { SquashfsWriter } from "../../formats/squashfs/index.ts";
import { archiveTree, flattenLayers, layerStreams, openSource, type TreeEntry } from "../../sources/index.ts";
import type { BlobStore } from "../../store/ports.ts";
import type { LzmaCodec } from "../codec.ts";
import type { FileTree, SquashfsCompression, SquashfsParts } from "../protocol.ts";
import type { Spool } from "../spool.ts";

/** What every job works with. */
export interface JobContext {
  readonly blobs: BlobStore;
  readonly codec: LzmaCodec;
  /** Time of everything that is made, seconds since 1970. */
  readonly mtime: number;
  /** Folder for what is only needed while a job runs, on the file system of the blobs. */
  readonly temporary: string;
  /** Puts a stream of at most `maxBytes` aside, to be read from anywhere; whoever asks closes it. */
  spool(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Spool>;
  /** Throws `cancelled` once nobody waits for the job any more; called between pieces of work. */
  checkpoint(): void;
}

/** A file tree as a stream; its digests are known to be right only at the end. */
export async function* fileTree(tree: FileTree, context: JobContext): AsyncGenerator<TreeEntry> {
  for await (const entry of entriesOf(tree, context)) {
    context.checkpoint();
    yield entry;
  }
}

function entriesOf(tree: FileTree, context: JobContext): AsyncIterable<TreeEntry> {
  if (tree.$case === "tar") return archiveTree(stream(blob(tree.archive.digest, tree.archive.size), context.blobs));
  const source = openSource(tree.source, () => context.checkpoint());
  return flattenLayers(layerStreams(source, tree.repository, tree.layers), { codec: context.codec });
}

/** The mode of an unpacked directory: its permission bits, always open to root (imager.md 5.1). */
function directoryMode(mode: number): number {
  return (mode & 0o777) | 0o700;
}

/** What a directory is made with above a file that comes before it, and what the process's mask leaves of modes. */
const PARENT_MODE = 0o700;
export const UNMASKED = 0o755;

export interface UnpackedDirectory {
  readonly path: string;
  readonly mode: number;
  readonly selinux?: string | undefined;
}

/**
 * The directories of an unpacked tree. Those that no entry names are there as well, with the mode of what first lies below
 * them (imager.md 5.1).
 */
export class Directories {
  readonly #byPath = new Map<string, UnpackedDirectory>();

  /** Takes every entry of a tree in its turn. */
  add({ $case, path, mode, selinux }: Pick<TreeEntry, "$case" | "path" | "mode" | "selinux">): void {
    const isDirectory = $case === "directory";
    const made = isDirectory ? directoryMode(mode) & UNMASKED : PARENT_MODE;
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      const parent = path.slice(0, at);
      if (!this.#byPath.has(parent)) this.#byPath.set(parent, { path: parent, mode: made });
    }
    if (isDirectory) this.#byPath.set(path, { path, mode: directoryMode(mode), selinux });
  }

  /** All of them, once all entries are there. */
  list(): readonly UnpackedDirectory[] {
    return [...this.#byPath.values()];
  }
}

/** A stream that can be cancelled between its chunks. */
export async function* cancellable(source: AsyncIterable<Uint8Array>, context: JobContext): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    context.checkpoint();
    yield bytes;
  }
}

/** Largest squashfs image kept. */
const MAX_SQUASHFS_BYTES = 8 * 2 ** 30;

/** Makes a squashfs image whose body becomes a blob; nothing is stored when `fill` fails. */
export async function writeSquashfs(
  context: JobContext,
  compression: SquashfsCompression,
  fill: (writer: SquashfsWriter) => Promise<void>,
): Promise<SquashfsParts> {
  const { codec, mtime } = context;
  const output = await context.blobs.writer({ maxBytes: MAX_SQUASHFS_BYTES });
  try {
    const writer = new SquashfsWriter({ codec, compression, mtime, emit: (bytes) => output.write(bytes) });
    await fill(writer);
    const { superblock } = await writer.finish();
    return { superblock: Buffer.from(superblock).toString("base64"), body: await output.commit() };
  } catch (error) {
    await output.abort();
    throw error;
  }
}
