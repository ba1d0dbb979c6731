import type { Header } from "tar-stream";
import { layerCompression } from "../formats/oci/index.ts";
import { decompressed, type LayerCodec } from "./decompress.ts";
import { SourceError } from "./errors.ts";
import { Overlay } from "./overlay.ts";
import type { BlobDescriptor, ImageSource } from "./source.ts";
import { type TarMember, tarMembers } from "./tar.ts";
import {
  cleanName,
  DEFAULT_TREE_LIMITS,
  hardlinkTarget,
  rootedName,
  symlinkStays,
  type TreeEntry,
  type TreeLimits,
} from "./tree.ts";

/** A layer to read: `open` gives its compressed bytes and fails at their end when their digest is wrong. */
export interface LayerStream {
  readonly mediaType: string;
  open(): AsyncIterable<Uint8Array>;
}

/** The layers of an image as streams from its source. */
export function layerStreams(
  source: ImageSource,
  repository: string,
  layers: readonly BlobDescriptor[],
): readonly LayerStream[] {
  return layers.map((layer) => ({ mediaType: layer.mediaType, open: () => source.blob(repository, layer) }));
}

export interface FlattenOptions {
  readonly codec: LayerCodec;
  readonly limits?: TreeLimits;
}

/** PAX record that carries the SELinux label (imager.md 5.1). */
const SELINUX = "SCHILY.xattr.security.selinux";
const MAX_LABEL = 4096;

/** Counts over all layers. */
interface Spent {
  entries: number;
  pathsLength: number;
  bytes: number;
}

/**
 * The file tree of an image (imager.md 5.1): `layers`, given bottom-up, are walked from the top down; the first entry
 * of a path wins, whiteouts and non-directories hide what lower layers have there. Links that lead out of the root are
 * left out. Nothing may be kept before the iteration has ended: only the end says that all digests were right.
 * Throws `malformed`, `too_large`, and whatever the streams throw.
 */
export async function* flattenLayers(
  layers: readonly LayerStream[],
  options: FlattenOptions,
): AsyncGenerator<TreeEntry> {
  const limits = options.limits ?? DEFAULT_TREE_LIMITS;
  const overlay = new Overlay();
  const spent: Spent = { entries: 0, pathsLength: 0, bytes: 0 };
  for (const layer of layers.toReversed()) {
    overlay.nextLayer();
    for await (const member of tarMembers(metered(plain(layer, options.codec), spent, limits))) {
      const path = counted(cleanName(member.header.name, limits), spent, limits);
      if (overlay.whiteout(path)) continue;
      const directory = member.header.type === "directory";
      if (!overlay.admits(path, directory)) continue;
      const entry = entryOf(path, member, limits);
      if (entry) yield entry;
    }
  }
}

/**
 * The file tree of a plain archive as it stands (imager.md 5.1): names count from the root, nothing is hidden, links go
 * wherever they like, a directory may come again. Throws `malformed` for anything else that comes again or that lies below
 * what is no directory, `too_large`, and whatever `archive` throws.
 */
export async function* archiveTree(
  archive: AsyncIterable<Uint8Array>,
  limits: TreeLimits = DEFAULT_TREE_LIMITS,
): AsyncGenerator<TreeEntry> {
  const directories = new Map<string, boolean>();
  const spent: Spent = { entries: 0, pathsLength: 0, bytes: 0 };
  for await (const member of tarMembers(metered(archive, spent, limits))) {
    const path = counted(rootedName(member.header.name, limits), spent, limits);
    const isDirectory = member.header.type === "directory";
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1))
      enter(directories, path.slice(0, at), true);
    if (path === "" && isDirectory) continue;
    enter(directories, path, isDirectory);
    yield entryOf(path, member, limits) ?? escaping(path, member.header);
  }
}

/** Notes what stands at a path: a directory, as often as it likes, or something else, once. */
function enter(directories: Map<string, boolean>, path: string, isDirectory: boolean): void {
  const before = directories.get(path);
  if (before === false || (before === true && !isDirectory) || path === "") {
    throw new SourceError("malformed", `layer: "${path}": two entries in the same place`);
  }
  directories.set(path, isDirectory);
}

/** A link that leads out of the root. */
function escaping(path: string, header: Header): TreeEntry {
  const target = header.linkname ?? "";
  const link = { ...base(path, header), target };
  return header.type === "symlink" ? { ...link, $case: "symlink" } : { ...link, $case: "hardlink" };
}

function plain(layer: LayerStream, codec: LayerCodec): AsyncIterable<Uint8Array> {
  const compression = layerCompression(layer.mediaType);
  if (compression === undefined) {
    throw new SourceError("malformed", `layer: "${layer.mediaType.slice(0, 120)}" is no file system layer`);
  }
  return decompressed(layer.open(), compression, codec);
}

/** Stops a stream that expands beyond what an image may have. */
async function* metered(
  source: AsyncIterable<Uint8Array>,
  spent: Spent,
  limits: TreeLimits,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    spent.bytes += chunk.length;
    if (spent.bytes > limits.totalBytes) {
      throw new SourceError("too_large", `layer: the image unpacks to more than ${limits.totalBytes} bytes`);
    }
    yield chunk;
  }
}

function counted(path: string, spent: Spent, limits: TreeLimits): string {
  spent.entries++;
  spent.pathsLength += path.length;
  if (spent.entries > limits.entries || spent.pathsLength > limits.allPathsLength) {
    throw new SourceError("too_large", `layer: more than ${limits.entries} entries, or names too long together`);
  }
  return path;
}

/** Symbolic and hard links, devices and pipes have no contents; other readers would take them for the next header. */
function checkBodyless(path: string, header: Header): void {
  if (header.size) throw new SourceError("malformed", `layer: "${path}": a ${header.type} with contents`);
}

function device(kind: "character" | "block" | "fifo", header: Header) {
  return { $case: "device" as const, kind, major: header.devmajor ?? 0, minor: header.devminor ?? 0 };
}

function base(path: string, { mode, pax }: Header): Pick<TreeEntry, "path" | "mode" | "selinux"> {
  if (!Number.isSafeInteger(mode)) throw new SourceError("malformed", `layer: "${path}": its mode is no number`);
  const selinux = (pax as Readonly<Record<string, string>> | null | undefined)?.[SELINUX];
  if (selinux === undefined) return { path, mode: mode! & 0o7777 };
  if (selinux.length > MAX_LABEL) throw new SourceError("too_large", `layer: "${path}": its SELinux label is too long`);
  return { path, mode: mode! & 0o7777, selinux };
}

function file(path: string, { header, body }: TarMember, limits: TreeLimits): TreeEntry {
  const size = header.size ?? 0;
  if (size > limits.fileBytes) {
    throw new SourceError("too_large", `layer: "${path}": ${size} bytes, at most ${limits.fileBytes} are read`);
  }
  // A sparse file in its PAX form is a map with data: taken for plain contents it would be another file.
  if (Object.keys(header.pax ?? {}).some((key) => key.startsWith("GNU.sparse."))) {
    throw new SourceError("malformed", `layer: "${path}": sparse files are not read`);
  }
  return { ...base(path, header), $case: "file", size, body };
}

/** The entry an archive member stands for; undefined for links that are left out. */
function entryOf(path: string, member: TarMember, limits: TreeLimits): TreeEntry | undefined {
  const { header } = member;
  const { type } = header;
  if (type === "file" || type === "contiguous-file") return file(path, member, limits);
  if (type === "directory") return { ...base(path, header), $case: "directory" };
  checkBodyless(path, header);
  switch (type) {
    case "symlink": {
      const target = header.linkname ?? "";
      return symlinkStays(path, target, limits) ? { ...base(path, header), $case: "symlink", target } : undefined;
    }
    case "link": {
      const target = hardlinkTarget(path, header.linkname ?? "", limits);
      return target === undefined ? undefined : { ...base(path, header), $case: "hardlink", target };
    }
    case "character-device":
      return { ...base(path, header), ...device("character", header) };
    case "block-device":
      return { ...base(path, header), ...device("block", header) };
    case "fifo":
      return { ...base(path, header), ...device("fifo", header) };
    default:
      throw new SourceError("malformed", `layer: "${path}": an entry of unknown type`);
  }
}
