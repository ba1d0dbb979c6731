/** A plain reader of whole squashfs images for tests: owners and attributes too, which the product's reader leaves aside. */
import assert from "node:assert/strict";
import type { Codec } from "../../src/formats/codec.ts";
import { Cursor, Image } from "../../src/formats/squashfs/image.ts";
import {
  DATA_STORED,
  DIRECTORY_EXTRA,
  directoryEntry,
  directoryHeader,
  directoryInode,
  EXTENDED,
  extendedDirectoryInode,
  extendedFileInode,
  fileInode,
  fragmentEntry,
  inodeHeader,
  NONE,
  readWords,
  superblock,
  symlinkInode,
  TYPES,
  XATTR_PREFIXES,
  xattrId,
  xattrKey,
  xattrSuffix,
  xattrTableHeader,
  xattrValue,
} from "../../src/formats/squashfs/layout.ts";

export interface SquashfsFound {
  /** With a slash in front; the root is `/`. */
  readonly path: string;
  /** Type and permission bits. */
  readonly mode: number;
  /** `uid/gid`. */
  readonly owner: string;
  readonly xattrs: Readonly<Record<string, string>>;
  readonly bytes?: Uint8Array;
  readonly target?: string;
}

interface Inode {
  readonly header: ReturnType<typeof inodeHeader.decode>;
  readonly xattr: number;
  readonly listing?: { readonly block: number; readonly offset: number; readonly bytes: number };
  readonly bytes?: Uint8Array;
  readonly target?: string;
}

const MODES: Readonly<Record<number, number>> = {
  [TYPES.directory]: 0o040000,
  [TYPES.file]: 0o100000,
  [TYPES.symlink]: 0o120000,
};

export class SquashfsTree {
  readonly head: ReturnType<typeof superblock.decode>;
  readonly #bytes: Uint8Array;
  readonly #image: Image;

  constructor(bytes: Uint8Array, codec: Codec) {
    this.#bytes = bytes;
    this.head = superblock.decode(bytes);
    const read = async (at: number, length: number): Promise<Uint8Array> => bytes.subarray(at, at + length);
    this.#image = new Image({ size: bytes.length, read }, codec);
    this.#image.compression = this.head.compression;
  }

  /** Everything in the order of a sorted walk, parents first. */
  async *walk(path = "", ref = this.head.rootInode): AsyncGenerator<SquashfsFound> {
    const { header, xattr, listing, bytes, target } = await this.#inode(ref);
    const type = MODES[header.type > EXTENDED ? header.type - EXTENDED : header.type];
    assert.ok(type !== undefined, `inode type ${header.type}`);
    yield {
      path: path || "/",
      mode: type | header.mode,
      owner: `${await this.#id(header.uid)}/${await this.#id(header.gid)}`,
      xattrs: await this.#xattrs(xattr),
      ...(bytes && { bytes }),
      ...(target === undefined ? {} : { target }),
    };
    if (listing)
      for await (const { name, ref: child } of this.#entries(listing)) yield* this.walk(`${path}/${name}`, child);
  }

  async #inode(ref: number): Promise<Inode> {
    const cursor = this.#cursor(this.head.inodeTable, Math.floor(ref / 0x10000), ref % 0x10000);
    const header = await cursor.record(inodeHeader);
    switch (header.type) {
      case TYPES.directory: {
        const { startBlock: block, offset, size } = await cursor.record(directoryInode);
        return { header, xattr: NONE, listing: { block, offset, bytes: size - DIRECTORY_EXTRA } };
      }
      case TYPES.directory + EXTENDED: {
        const { startBlock: block, offset, size, xattr } = await cursor.record(extendedDirectoryInode);
        return { header, xattr, listing: { block, offset, bytes: size - DIRECTORY_EXTRA } };
      }
      case TYPES.file:
        return { header, xattr: NONE, bytes: await this.#content(await cursor.record(fileInode), cursor) };
      case TYPES.file + EXTENDED: {
        const fields = await cursor.record(extendedFileInode);
        return { header, xattr: fields.xattr, bytes: await this.#content(fields, cursor) };
      }
      case TYPES.symlink:
      case TYPES.symlink + EXTENDED: {
        const { size } = await cursor.record(symlinkInode);
        const target = text(await cursor.take(size));
        const { xattr } = header.type === TYPES.symlink ? { xattr: NONE } : await cursor.record(xattrSuffix);
        return { header, xattr, target };
      }
      default:
        return { header, xattr: NONE };
    }
  }

  async *#entries({ block, offset, bytes }: NonNullable<Inode["listing"]>) {
    const cursor = this.#cursor(this.head.directoryTable, block, offset);
    for (let left = bytes; left > 0; ) {
      const { count, startBlock } = await cursor.record(directoryHeader);
      left -= directoryHeader.size;
      for (let i = 0; i <= count; i++) {
        const entry = await cursor.record(directoryEntry);
        const name = text(await cursor.take(entry.nameSize + 1));
        left -= directoryEntry.size + entry.nameSize + 1;
        yield { name, ref: startBlock * 0x10000 + entry.offset };
      }
    }
  }

  async #content(
    file: { readonly start: number; readonly size: number; readonly fragment: number; readonly offset: number },
    cursor: Cursor,
  ): Promise<Uint8Array> {
    const { blockSize, fragmentTable } = this.head;
    const blocks = file.fragment === NONE ? Math.ceil(file.size / blockSize) : Math.floor(file.size / blockSize);
    const out = new Uint8Array(file.size);
    let [from, to] = [file.start, 0];
    for (const word of readWords(32, await cursor.take(blocks * 4))) {
      if (word !== 0) out.set(await this.#image.dataBlock(from, word, blockSize), to);
      from += word & (DATA_STORED - 1);
      to += blockSize;
    }
    if (file.fragment === NONE) return out;
    const record = await this.#image.indexed(fragmentTable, file.fragment, fragmentEntry.size);
    const { start, size } = fragmentEntry.decode(record);
    const tail = await this.#image.dataBlock(start, size, blockSize);
    out.set(tail.subarray(file.offset, file.offset + file.size - to), to);
    return out;
  }

  async #id(index: number): Promise<number> {
    const [id = 0] = readWords(32, await this.#image.indexed(this.head.idTable, index, 4));
    return id;
  }

  async #xattrs(index: number): Promise<Readonly<Record<string, string>>> {
    if (index === NONE) return {};
    const table = Number(this.head.xattrTable);
    const { start } = xattrTableHeader.decode(this.#bytes, table);
    const record = await this.#image.indexed(table + xattrTableHeader.size, index, xattrId.size);
    const { ref, count } = xattrId.decode(record);
    const cursor = this.#cursor(start, Math.floor(ref / 0x10000), ref % 0x10000);
    const out: Record<string, string> = {};
    for (let i = 0; i < count; i++) {
      const { prefix, nameSize } = await cursor.record(xattrKey);
      const name = text(await cursor.take(nameSize));
      const { size } = await cursor.record(xattrValue);
      out[`${XATTR_PREFIXES[prefix]}${name}`] = text(await cursor.take(size));
    }
    return out;
  }

  #cursor(table: number, block: number, offset: number): Cursor {
    return new Cursor(this.#image, table, { block, offset });
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
