import { u32le } from "../../bytes/struct.ts";
import type { Codec } from "../codec.ts";
import { Cursor, decoded, Image, malformed, type SquashfsSource } from "./image.ts";
import {
  BLOCK_SIZES,
  COMPRESSORS,
  DATA_STORED,
  DIRECTORY_EXTRA,
  directoryEntry,
  directoryHeader,
  directoryInode,
  ENTRIES_PER_HEADER,
  EXTENDED,
  extendedDirectoryInode,
  extendedFileInode,
  fileInode,
  fragmentEntry,
  inodeHeader,
  MAGIC,
  NAME_MAX,
  NONE,
  PATH_BYTES,
  readWords,
  superblock,
  symlinkInode,
  TYPES,
  VERSION,
} from "./layout.ts";
import {
  type DirectoryInode,
  type FileInode,
  type InodeBase,
  type MetadataRef,
  type SquashfsEntry,
  SquashfsError,
  type SquashfsInfo,
  type SquashfsLimits,
  type SquashfsNode,
} from "./model.ts";

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Opens an image. Throws `image_malformed` unless it is squashfs 4.0 with zstd or xz. */
export async function openSquashfs(
  source: SquashfsSource,
  codec: Codec,
  limits: SquashfsLimits,
): Promise<SquashfsReader> {
  const image = new Image(source, codec);
  const head = decoded(superblock, await image.read(0, superblock.size));
  if (head.magic !== MAGIC || head.major !== VERSION.major || head.minor !== VERSION.minor) {
    throw malformed("superblock is not one of squashfs 4.0");
  }
  const { blockSize } = head;
  if (blockSize !== 2 ** head.blockLog || blockSize < BLOCK_SIZES.min || blockSize > BLOCK_SIZES.max) {
    throw malformed(`block size ${blockSize} is not one`);
  }
  image.compression = head.compression;
  return new SquashfsReader(image, head, limits);
}

type Superblock = ReturnType<typeof superblock.decode>;

/** Reads names and contents of an image; owners and extended attributes are left aside. */
export class SquashfsReader {
  readonly info: SquashfsInfo;
  readonly #image: Image;
  readonly #head: Superblock;
  readonly #limits: SquashfsLimits;

  /** @internal use `openSquashfs` */
  constructor(image: Image, head: Superblock, limits: SquashfsLimits) {
    this.#image = image;
    this.#head = head;
    this.#limits = limits;
    this.info = {
      compression: head.compression === COMPRESSORS.xz ? "xz" : "zstd",
      blockSize: head.blockSize,
      inodes: head.inodes,
      mtime: head.mkfsTime,
      bytesUsed: head.bytesUsed,
    };
  }

  /** The node at a path (`""` is the root), or undefined. Symlinks on the way are not followed. */
  async lookup(path: string): Promise<SquashfsNode | undefined> {
    let node: SquashfsNode = await this.#inode(refOf(this.#head.rootInode));
    for (const name of path === "" ? [] : path.split("/")) {
      if (node.$case !== "directory") return undefined;
      const entry = (await this.#entries(node)).find((candidate) => candidate.name === name);
      if (!entry) return undefined;
      node = await this.#inode(entry.ref);
    }
    return node;
  }

  /** The nodes directly in a directory, in stored order. */
  async list(directory: SquashfsNode & { readonly $case: "directory" }): Promise<SquashfsEntry[]> {
    const out: SquashfsEntry[] = [];
    for (const { name, ref } of await this.#entries(directory)) out.push({ path: name, node: await this.#inode(ref) });
    return out;
  }

  /** Everything below the directory at `path`, parents first, with paths relative to it. Throws `entry_missing`. */
  async *walk(path: string): AsyncGenerator<SquashfsEntry> {
    const start = await this.lookup(path);
    if (start?.$case !== "directory") {
      throw new SquashfsError("entry_missing", `squashfs: "${path}" is no directory of the image`);
    }
    const pending: { prefix: string; depth: number; directory: DirectoryInode }[] = [];
    pending.push({ prefix: "", depth: 0, directory: start });
    let seen = 0;
    for (let next = pending.pop(); next; next = pending.pop()) {
      const { prefix, depth, directory } = next;
      if (depth > this.#limits.maxDepth) throw overLimit(`"${prefix}" is deeper than ${this.#limits.maxDepth} levels`);
      for (const { path: name, node } of await this.list(directory)) {
        if (++seen > this.#limits.maxEntries) throw overLimit(`more than ${this.#limits.maxEntries} entries`);
        yield { path: prefix + name, node };
        if (node.$case === "directory") {
          pending.push({ prefix: `${prefix}${name}/`, depth: depth + 1, directory: node });
        }
      }
    }
  }

  /** The contents of a file, block by block. */
  async *read(file: SquashfsNode & { readonly $case: "file" }): AsyncGenerator<Uint8Array> {
    const { blockSize } = this.info;
    let at = file.start;
    let missing = file.size;
    for (const sizeWord of file.blocks) {
      const length = Math.min(missing, blockSize);
      const block = sizeWord === 0 ? new Uint8Array(length) : await this.#image.dataBlock(at, sizeWord, blockSize);
      if (block.length !== length) throw malformed(`block at ${at} has ${block.length} bytes instead of ${length}`);
      at += sizeWord & (DATA_STORED - 1);
      missing -= length;
      yield block;
    }
    if (missing > 0) yield await this.#tail(file, missing);
  }

  async #tail(file: FileInode, length: number): Promise<Uint8Array> {
    if (file.fragment >= this.#head.fragments) throw malformed(`fragment ${file.fragment} is not there`);
    const record = await this.#image.indexed(this.#head.fragmentTable, file.fragment, fragmentEntry.size);
    const { start, size } = decoded(fragmentEntry, record);
    const block = await this.#image.dataBlock(start, size, this.info.blockSize);
    if (file.offset + length > block.length) throw malformed(`fragment ${file.fragment} ends before its files`);
    return block.subarray(file.offset, file.offset + length);
  }

  async #inode(ref: MetadataRef): Promise<SquashfsNode> {
    const cursor = new Cursor(this.#image, this.#head.inodeTable, ref);
    const { type, mode, mtime, number } = await cursor.record(inodeHeader);
    const base: InodeBase = { number, mode: mode & 0o7777, mtime };
    switch (type) {
      case TYPES.directory:
        return directoryNode(base, await cursor.record(directoryInode));
      case TYPES.directory + EXTENDED:
        return directoryNode(base, await cursor.record(extendedDirectoryInode));
      case TYPES.file:
        return this.#fileNode(base, await cursor.record(fileInode), cursor);
      case TYPES.file + EXTENDED:
        return this.#fileNode(base, await cursor.record(extendedFileInode), cursor);
      case TYPES.symlink:
      case TYPES.symlink + EXTENDED: {
        const { size } = await cursor.record(symlinkInode);
        if (size > PATH_BYTES) throw malformed(`symlink target of ${size} bytes`);
        return { ...base, $case: "symlink", target: text(await cursor.take(size)) };
      }
      default:
        if (type < TYPES.block || type > TYPES.socket + EXTENDED) throw malformed(`inode type ${type}`);
        return { ...base, $case: "special" };
    }
  }

  async #fileNode(
    base: InodeBase,
    fields: { start: number; size: number; fragment: number; offset: number },
    cursor: Cursor,
  ): Promise<FileInode> {
    const { start, size, fragment, offset } = fields;
    if (size > this.#limits.maxFileBytes) throw overLimit(`file of ${size} bytes`);
    const whole = size / this.info.blockSize;
    const count = fragment === NONE ? Math.ceil(whole) : Math.floor(whole);
    const blocks = readWords(32, await cursor.take(count * u32le.size));
    return { ...base, $case: "file", size, start, fragment, offset, blocks };
  }

  async #entries(directory: DirectoryInode): Promise<{ name: string; ref: MetadataRef }[]> {
    const cursor = new Cursor(this.#image, this.#head.directoryTable, directory.listing);
    const out: { name: string; ref: MetadataRef }[] = [];
    for (let missing = directory.listingBytes; missing > 0; ) {
      const { count, startBlock } = await cursor.record(directoryHeader);
      if (count >= ENTRIES_PER_HEADER) throw malformed(`directory header with ${count + 1} entries`);
      missing -= directoryHeader.size;
      for (let i = 0; i <= count; i++) {
        const { offset, nameSize } = await cursor.record(directoryEntry);
        out.push({ name: entryName(await cursor.take(nameSize + 1)), ref: { block: startBlock, offset } });
        missing -= directoryEntry.size + nameSize + 1;
      }
      if (missing < 0) throw malformed("directory listing is longer than its inode says");
      if (out.length > this.#limits.maxEntries) throw overLimit(`more than ${this.#limits.maxEntries} entries`);
    }
    return out;
  }
}

function directoryNode(base: InodeBase, fields: { startBlock: number; offset: number; size: number }): DirectoryInode {
  const { startBlock, offset, size } = fields;
  return {
    ...base,
    $case: "directory",
    listing: { block: startBlock, offset },
    listingBytes: Math.max(0, size - DIRECTORY_EXTRA),
  };
}

function entryName(bytes: Uint8Array): string {
  const name = text(bytes);
  if (bytes.length > NAME_MAX || name === "." || name === ".." || /[/\0]/.test(name)) {
    throw malformed(`name ${JSON.stringify(name)} in a directory`);
  }
  return name;
}

function text(bytes: Uint8Array): string {
  try {
    return DECODER.decode(bytes);
  } catch (cause) {
    throw malformed("name or target is not UTF-8", cause);
  }
}

function refOf(value: number): MetadataRef {
  return { block: Math.floor(value / 0x10000), offset: value % 0x10000 };
}

function overLimit(what: string): SquashfsError {
  return new SquashfsError("limit_exceeded", `squashfs: ${what}, over the limit`);
}
