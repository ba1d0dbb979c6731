import { parseGuid } from "../../../src/bytes/guid.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { inline, type Recipe, read } from "../../../src/extents/index.ts";
import { type Ext4Entry, type Ext4Volume, ext4Volume } from "../../../src/formats/ext4/index.ts";
import {
  directoryEntry,
  extentHeader,
  extentIndex,
  extentLeaf,
  FLAG_EXTENTS,
  groupDescriptor,
  INODE_BYTES,
  inode,
  MODE_DIRECTORY,
  MODE_SYMLINK,
  ROOT_INODE,
  SUPERBLOCK_OFFSET,
  superblock,
} from "../../../src/formats/ext4/layout.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

export const EPOCH = 1_559_424_892;

export function file(name: string, content: string | Recipe, mode = 0o644): Ext4Entry {
  return { $case: "file", name, mode, content: typeof content === "string" ? inline(utf8(content)) : content };
}

export function directory(name: string, ...children: Ext4Entry[]): Ext4Entry {
  return { $case: "directory", name, mode: 0o755, children };
}

export function link(name: string, target: string): Ext4Entry {
  return { $case: "symlink", name, target };
}

export function volumeOf(sizeBytes: number, tree: readonly Ext4Entry[]): Ext4Volume {
  const uuid = parseGuid("3b5449bc-c21f-8009-8b51-18945967f8df");
  return { sizeBytes, label: "IMAGECACHE", uuid, mtime: EPOCH, tree };
}

/** A node as the reader finds it. */
export interface Found {
  readonly path: string;
  readonly number: number;
  readonly inode: ReturnType<typeof inode.decode>;
  readonly bytes: Uint8Array;
  /** Blocks of contents and extent tree. */
  readonly blocks: readonly number[];
}

/** Reads an image back by following its structures; checksums are left to e2fsck. */
export class Ext4Reader {
  readonly image: Uint8Array;
  readonly superblock: ReturnType<typeof superblock.decode>;
  readonly blockSize: number;

  constructor(image: Uint8Array) {
    this.image = image;
    this.superblock = superblock.decode(image, SUPERBLOCK_OFFSET);
    this.blockSize = 1024 << this.superblock.logBlockSize;
  }

  static async open(volume: Ext4Volume): Promise<Ext4Reader> {
    return new Ext4Reader(await read(ext4Volume(volume), NO_BLOBS));
  }

  group(number: number): ReturnType<typeof groupDescriptor.decode> {
    const table = (this.superblock.firstDataBlock + 1) * this.blockSize;
    return groupDescriptor.decode(this.image, table + number * groupDescriptor.size);
  }

  /** Where an inode stands in the image. */
  inodeOffset(number: number): number {
    const { inodesPerGroup } = this.superblock;
    const { inodeTable } = this.group(Math.floor((number - 1) / inodesPerGroup));
    return inodeTable * this.blockSize + ((number - 1) % inodesPerGroup) * INODE_BYTES;
  }

  inode(number: number): Found["inode"] {
    return inode.decode(this.image, this.inodeOffset(number));
  }

  node(number: number, path: string): Found {
    const found = this.inode(number);
    const size = found.sizeHigh * 2 ** 32 + found.sizeLow;
    if (!(found.flags & FLAG_EXTENTS)) {
      return { path, number, inode: found, bytes: found.blockMap.subarray(0, size), blocks: [] };
    }
    const bytes = new Uint8Array(Math.ceil(size / this.blockSize) * this.blockSize);
    const blocks: number[] = [];
    this.#follow(found.blockMap, bytes, blocks);
    return { path, number, inode: found, bytes: bytes.subarray(0, size), blocks };
  }

  #follow(node: Uint8Array, into: Uint8Array, blocks: number[]): void {
    const { entries, depth } = extentHeader.decode(node);
    for (let i = 0; i < entries; i++) {
      const at = extentHeader.size + i * extentLeaf.size;
      if (depth > 0) {
        const { child } = extentIndex.decode(node, at);
        blocks.push(child);
        this.#follow(this.image.subarray(child * this.blockSize, (child + 1) * this.blockSize), into, blocks);
        continue;
      }
      const { logical, first, count } = extentLeaf.decode(node, at);
      const from = first * this.blockSize;
      into.set(this.image.subarray(from, from + count * this.blockSize), logical * this.blockSize);
      for (let block = first; block < first + count; block++) blocks.push(block);
    }
  }

  /** Names and inode numbers of a directory. */
  *list({ bytes }: Found): Generator<readonly [string, number]> {
    for (let at = 0; at < bytes.length; ) {
      const { inode: number, entryBytes, nameBytes } = directoryEntry.decode(bytes, at);
      const name = bytes.subarray(at + directoryEntry.size, at + directoryEntry.size + nameBytes);
      if (number !== 0) yield [new TextDecoder().decode(name), number];
      at += entryBytes;
    }
  }

  /** Every node below the root, each directory before what it holds. */
  *walk(number = ROOT_INODE, folder = ""): Generator<Found> {
    for (const [name, child] of this.list(this.node(number, folder))) {
      if (name === "." || name === "..") continue;
      const found = this.node(child, `${folder}/${name}`);
      yield found;
      if (isDirectory(found)) yield* this.walk(child, found.path);
    }
  }
}

export function isDirectory({ inode: { mode } }: Found): boolean {
  return (mode & 0o170000) === MODE_DIRECTORY;
}

function expectedLines(entry: Ext4Entry, folder: string): string[] {
  const path = `${folder}/${entry.name}`;
  switch (entry.$case) {
    case "directory":
      return [`${path}/ ${entry.mode}`, ...expected(entry.children, path)];
    case "file":
      return [`${path} ${entry.mode} ${entry.content.size}`];
    case "symlink":
      return [`${path} -> ${entry.target}`];
  }
}

/** The lines `describe` gives for a tree as it was put in. */
export function expected(tree: readonly Ext4Entry[], folder = ""): string[] {
  return tree.flatMap((entry) => expectedLines(entry, folder));
}

/** A node in one line. */
export function describe(found: Found): string {
  const permissions = found.inode.mode & 0o7777;
  if (isDirectory(found)) return `${found.path}/ ${permissions}`;
  if ((found.inode.mode & 0o170000) === MODE_SYMLINK) {
    return `${found.path} -> ${new TextDecoder().decode(found.bytes)}`;
  }
  return `${found.path} ${permissions} ${found.bytes.length}`;
}
