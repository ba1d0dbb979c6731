import { MiB } from "../../bytes/align.ts";
import { Sha256Stream } from "../../bytes/digest.ts";
import type { BlockOutput } from "./blocks.ts";
import { SquashfsError } from "./model.ts";

/** Where the contents of a file are. Block sizes are complete once the output was flushed. */
export interface FileData {
  readonly size: number;
  /** Offset in the image of the first block that is not all zeros; 0 without one. */
  start: number;
  /** Size of each stored block with its "stored" flag; 0 for blocks of zeros. */
  readonly blocks: number[];
  /** Bytes in blocks of zeros. */
  sparse: number;
  readonly fragment: { readonly index: number; readonly offset: number } | undefined;
}

/** A fragment block: the contents of several small files. */
export interface Fragment {
  start: number;
  sizeWord: number;
}

/**
 * Files up to this size are looked up among the earlier ones and stored once. It bounds memory: a
 * candidate is held until its last byte is known.
 */
const DUPLICATE_LIMIT = 16 * MiB;

const EMPTY: FileData = { size: 0, start: 0, blocks: [], sparse: 0, fragment: undefined };

/**
 * Stores file contents: files shorter than a block share fragment blocks, all others are cut into
 * blocks of their own, the last one short; that is what mksquashfs does unless told otherwise.
 */
export class FileStore {
  readonly #output: BlockOutput;
  readonly #blockSize: number;
  readonly fragments: Fragment[] = [];
  #fragment: Uint8Array;
  #fragmentUsed = 0;
  readonly #sizes = new Set<number>();
  readonly #byDigest = new Map<string, FileData>();

  constructor(output: BlockOutput, blockSize: number) {
    this.#output = output;
    this.#blockSize = blockSize;
    this.#fragment = new Uint8Array(blockSize);
  }

  /** Stores a file of `size` bytes. Throws `size_mismatch` when the body has another length. */
  async add(path: string, body: AsyncIterable<Uint8Array>, size: number): Promise<FileData> {
    const blocks = cut(path, body, size, this.#blockSize);
    if (size > DUPLICATE_LIMIT) return this.#store(blocks, size);
    if (size >= this.#blockSize && !this.#sizes.has(size)) return this.#storeHashed(blocks, size);
    const held: Uint8Array[] = [];
    const hash = new Sha256Stream();
    for await (const block of blocks) {
      held.push(block);
      hash.update(block);
    }
    if (size === 0) return EMPTY;
    const digest = hash.digest();
    const known = this.#byDigest.get(digest);
    if (known) return known;
    const data = size < this.#blockSize ? await this.#storeInFragment(held[0]!) : await this.#store(held, size);
    return this.#remember(digest, data);
  }

  /** Hands the last fragment block over. */
  async finish(): Promise<void> {
    if (this.#fragmentUsed === 0) return;
    const fragment: Fragment = { start: 0, sizeWord: 0 };
    this.fragments.push(fragment);
    const bytes = this.#fragment.subarray(0, this.#fragmentUsed);
    this.#fragment = new Uint8Array(this.#blockSize);
    this.#fragmentUsed = 0;
    await this.#output.addBlock(bytes, (offset, sizeWord) => {
      fragment.start = offset;
      fragment.sizeWord = sizeWord;
    });
  }

  /** Files of a size not seen before cannot be duplicates: stored as they come. */
  async #storeHashed(blocks: AsyncIterable<Uint8Array>, size: number): Promise<FileData> {
    const hash = new Sha256Stream();
    const tapped = async function* () {
      for await (const block of blocks) {
        hash.update(block);
        yield block;
      }
    };
    const data = await this.#store(tapped(), size);
    return this.#remember(hash.digest(), data);
  }

  #remember(digest: string, data: FileData): FileData {
    this.#sizes.add(data.size);
    this.#byDigest.set(digest, data);
    return data;
  }

  async #store(blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, size: number): Promise<FileData> {
    const data: FileData = { size, start: 0, blocks: [], sparse: 0, fragment: undefined };
    for await (const block of blocks) {
      const index = data.blocks.push(0) - 1;
      if (isZero(block)) {
        data.sparse += block.length;
        continue;
      }
      await this.#output.addBlock(block, (offset, sizeWord) => {
        if (data.start === 0) data.start = offset;
        data.blocks[index] = sizeWord;
      });
    }
    return data;
  }

  async #storeInFragment(bytes: Uint8Array): Promise<FileData> {
    if (this.#fragmentUsed + bytes.length > this.#blockSize) await this.finish();
    const fragment = { index: this.fragments.length, offset: this.#fragmentUsed };
    this.#fragment.set(bytes, this.#fragmentUsed);
    this.#fragmentUsed += bytes.length;
    return { size: bytes.length, start: 0, blocks: [], sparse: 0, fragment };
  }
}

function isZero(block: Uint8Array): boolean {
  for (const byte of block) if (byte !== 0) return false;
  return true;
}

/** The body in blocks of `blockSize`, the last one short. A block that lies within one chunk is not copied. */
async function* cut(
  path: string,
  body: AsyncIterable<Uint8Array>,
  size: number,
  blockSize: number,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  let partial = new Uint8Array();
  let filled = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > size) throw mismatch(path, `more than the ${size}`);
    for (let at = 0; at < chunk.length; ) {
      const here = chunk.length - at;
      const length = filled > 0 ? partial.length : Math.min(blockSize, size - received + here);
      if (filled === 0 && here >= length) {
        yield chunk.subarray(at, at + length);
        at += length;
        continue;
      }
      if (filled === 0) partial = new Uint8Array(length);
      const piece = chunk.subarray(at, at + length - filled);
      partial.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < length) continue;
      yield partial;
      filled = 0;
    }
  }
  if (received < size) throw mismatch(path, `${received} of the ${size}`);
}

function mismatch(path: string, what: string): SquashfsError {
  return new SquashfsError("size_mismatch", `squashfs: body of "${path}" has ${what} bytes announced`);
}
