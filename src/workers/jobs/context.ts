import type { Codec } from "../../formats/codec.ts";
import { SquashfsWriter } from "../../formats/squashfs/index.ts";
import { flattenLayers, layerStreams, openSource, type TreeEntry } from "../../sources/index.ts";
import type { BlobStore } from "../../store/ports.ts";
import type { ImageLayers, SquashfsCompression, SquashfsParts } from "../protocol.ts";
import type { Spool } from "../spool.ts";

/** What every job works with. */
export interface JobContext {
  readonly blobs: BlobStore;
  readonly codec: Codec;
  /** Time of everything that is made, seconds since 1970. */
  readonly mtime: number;
  /** Puts a stream of at most `maxBytes` aside, to be read from anywhere; whoever asks closes it. */
  spool(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Spool>;
  /** Throws `cancelled` once nobody waits for the job any more; called between pieces of work. */
  checkpoint(): void;
}

/** The file tree of a verified image, streamed from its source; digests are known to be right only at the end. */
export async function* imageTree(image: ImageLayers, context: JobContext): AsyncGenerator<TreeEntry> {
  const source = openSource(image.source, () => context.checkpoint());
  const layers = layerStreams(source, image.repository, image.layers);
  for await (const entry of flattenLayers(layers, { codec: context.codec })) {
    context.checkpoint();
    yield entry;
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
