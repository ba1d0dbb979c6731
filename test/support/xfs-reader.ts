import assert from "node:assert/strict";
import { type BlobReader, type Recipe, read } from "../../src/extents/index.ts";
import { inodeCore, superblock } from "../../src/formats/xfs/layout.ts";

type Core = ReturnType<typeof inodeCore.decode>;

/** A file or directory as the reader finds it; `path` starts with a slash, and is `/` for the root. */
export interface XfsFound {
  readonly path: string;
  /** File type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly directory: boolean;
  /** Of a file. */
  readonly bytes: Uint8Array;
}

const TYPE_MASK = 0o170000;
const DIRECTORY = 0o040000;
/** Data in the inode, and in extents listed there (XFS "Inode Core", di_format). */
const LOCAL = 1;
const EXTENTS = 2;
/** Inodes of filesystems with 64-bit extent counters (di_flags2). */
const LARGE_COUNTERS = 16;

/**
 * A plain reader of XFS version 5 for tests, written against "XFS Algorithms & Data Structures" 3rd edition, not against the
 * writer. Directories have to fit their inodes.
 */
export class XfsReader {
  readonly #volume: Recipe;
  readonly #blobs: BlobReader;
  readonly superblock: ReturnType<typeof superblock.decode>;

  private constructor(volume: Recipe, blobs: BlobReader, head: Uint8Array) {
    this.#volume = volume;
    this.#blobs = blobs;
    this.superblock = superblock.decode(head);
  }

  static async open(volume: Recipe, blobs: BlobReader): Promise<XfsReader> {
    return new XfsReader(volume, blobs, await read(volume, blobs, 0, superblock.size));
  }

  /** The root and all below, each directory before what it holds, entries in the order they stand. */
  async *walk(number = Number(this.superblock.rootInode), path = "/"): AsyncGenerator<XfsFound> {
    const inode = await this.#inode(number);
    const core = inodeCore.decode(inode);
    const directory = (core.mode & TYPE_MASK) === DIRECTORY;
    const view = new DataView(inode.buffer, inode.byteOffset);
    const owner = inodeCore.offsets.owner;
    yield {
      path,
      mode: core.mode,
      uid: view.getUint32(owner),
      gid: view.getUint32(owner + 4),
      // Nanoseconds since 1901-12-13 20:45:52, as all inodes of "bigtime" have it.
      mtime: Number(core.modified / 1_000_000_000n - 2n ** 31n),
      directory,
      bytes: directory ? new Uint8Array() : await this.#body(inode, core),
    };
    if (!directory) return;
    assert.equal(core.format, LOCAL, `${path}: its entries are not in the inode`);
    for (const { name, child } of shortEntries(inode.subarray(inodeCore.size))) {
      yield* this.walk(child, `${path === "/" ? "" : path}/${name}`);
    }
  }

  #offset(block: number): number {
    const { groupBlockLog, groupBlocks, blockBytes } = this.superblock;
    const group = Math.floor(block / 2 ** groupBlockLog);
    return (group * groupBlocks + (block % 2 ** groupBlockLog)) * blockBytes;
  }

  async #inode(number: number): Promise<Uint8Array> {
    const { inodesPerBlockLog, inodeBytes } = this.superblock;
    const perBlock = 2 ** inodesPerBlockLog!;
    const offset = this.#offset(Math.floor(number / perBlock)) + (number % perBlock) * inodeBytes!;
    const bytes = await read(this.#volume, this.#blobs, offset, inodeBytes);
    assert.equal(inodeCore.decode(bytes).number, number, `inode ${number} names itself otherwise`);
    return bytes;
  }

  async #body(inode: Uint8Array, core: Core): Promise<Uint8Array> {
    assert.equal(core.format, EXTENTS, "a file without a list of extents in its inode");
    const out = new Uint8Array(core.sizeBytes);
    const count = core.flags2 & LARGE_COUNTERS ? core.largeExtents : core.extents;
    for (let i = 0; i < count; i++) {
      const { offset, start, blocks } = unpackExtent(inode, inodeCore.size + i * 16);
      const at = offset * this.superblock.blockBytes!;
      const length = Math.min(blocks * this.superblock.blockBytes!, out.length - at);
      out.set(await read(this.#volume, this.#blobs, this.#offset(start), length), at);
    }
    return out;
  }
}

/** A packed extent: a flag, 54 bits of offset, 52 of block number, 21 of length ("Extent List"). */
function unpackExtent(bytes: Uint8Array, at: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const packed = (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8);
  const bits = (from: bigint, width: number): number => Number(BigInt.asUintN(width, packed >> from));
  return { offset: bits(73n, 54), start: bits(21n, 52), blocks: bits(0n, 21) };
}

/** Entries of a directory in its inode: counts, parent, then name length, offset, name, type and inode ("Short Form"). */
function* shortEntries(fork: Uint8Array): Generator<{ readonly name: string; readonly child: number }> {
  const view = new DataView(fork.buffer, fork.byteOffset);
  const [count, large] = [view.getUint8(0), view.getUint8(1) > 0];
  const width = large ? 8 : 4;
  let at = 2 + width;
  for (let i = 0; i < count; i++) {
    const length = view.getUint8(at);
    const name = Buffer.from(fork.subarray(at + 3, at + 3 + length)).toString("utf8");
    at += 3 + length + 1;
    yield { name, child: large ? Number(view.getBigUint64(at)) : view.getUint32(at) };
    at += width;
  }
}
