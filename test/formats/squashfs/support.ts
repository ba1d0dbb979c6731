import type { Codec } from "../../../src/formats/codec.ts";
import {
  openSquashfs,
  type SquashfsAttributes,
  type SquashfsLimits,
  type SquashfsOptions,
  type SquashfsReader,
  type SquashfsSpecial,
  SquashfsWriter,
} from "../../../src/formats/squashfs/index.ts";
import { loadCodec } from "../../../src/workers/codec.ts";
import { contents } from "../../support/tree-on-disk.ts";

export const CODEC: Codec = loadCodec().codec;

export const WIDE: SquashfsLimits = { maxEntries: 100_000, maxDepth: 100, maxFileBytes: 2 ** 40 };
export const MTIME = 1559424892;

/** One thing to add to an image. */
export type Item = {
  readonly path: string;
  readonly mode?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
} & (
  | { readonly $case: "file"; readonly bytes: Uint8Array }
  | { readonly $case: "directory" }
  | { readonly $case: "symlink"; readonly target: string }
  | { readonly $case: "link"; readonly existing: string }
  | { readonly $case: "special"; readonly special: SquashfsSpecial }
);

/** `bytes` as a stream of chunks of `size` bytes. */
export async function* chunked(bytes: Uint8Array, size = 50_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

type BuildOptions = Partial<Omit<SquashfsOptions, "emit">> & { readonly chunk?: number };

/** A whole image in memory, superblock first. */
export async function build(items: Iterable<Item>, { chunk, ...options }: BuildOptions = {}): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const emit = async (bytes: Uint8Array) => void parts.push(bytes);
  const writer = new SquashfsWriter({
    codec: CODEC,
    compression: { $case: "zstd", level: 3 },
    mtime: MTIME,
    emit,
    ...options,
  });
  for (const item of items) await add(writer, item, chunk);
  const { superblock, bodySize } = await writer.finish();
  const image = Buffer.concat([superblock, ...parts]);
  if (image.length !== superblock.length + bodySize) throw new Error("bodySize is not what was emitted");
  return image;
}

/** Adds one item to a writer. */
export function add(writer: SquashfsWriter, item: Item, chunk?: number): Promise<void> {
  const { path, mode = 0o644 } = item;
  const xattrs = new Map(Object.entries(item.xattrs ?? {}).map(([name, value]) => [name, Buffer.from(value)]));
  const attributes: SquashfsAttributes = { mode, xattrs };
  switch (item.$case) {
    case "file":
      return writer.addFile(path, attributes, chunked(item.bytes, chunk), item.bytes.length);
    case "directory":
      return writer.addDirectory(path, attributes);
    case "symlink":
      return writer.addSymlink(path, item.target, xattrs);
    case "link":
      return writer.addHardLink(path, item.existing);
    case "special":
      return writer.addSpecial(path, attributes, item.special);
  }
}

/** A reader over an image in memory. */
export function open(image: Uint8Array, limits = WIDE, codec = CODEC): Promise<SquashfsReader> {
  const read = async (offset: number, length: number) => image.subarray(offset, offset + length);
  return openSquashfs({ size: image.length, read }, codec, limits);
}

/** Every path of an image with what it is. */
export async function treeOf(image: Uint8Array, codec = CODEC): Promise<Map<string, string>> {
  const reader = await open(image, WIDE, codec);
  const out = new Map<string, string>();
  for await (const { path, node } of reader.walk("")) {
    let what = "";
    if (node.$case === "symlink") what = node.target;
    if (node.$case === "file") {
      const chunks: Uint8Array[] = [];
      for await (const chunk of reader.read(node)) chunks.push(chunk);
      what = contents(Buffer.concat(chunks));
    }
    out.set(path, `${node.$case} ${node.mode.toString(8)} ${what}`);
  }
  return out;
}

/** Bytes that do not compress, the same for the same seed (xorshift32). */
export function noise(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length);
  let state = seed * 2654435761 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state;
  }
  return out;
}
