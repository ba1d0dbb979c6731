import { concatBytes } from "../../bytes/text.ts";
import { messageOf } from "../../errors.ts";
import type { Codec } from "../codec.ts";
import { COMPRESSORS, DATA_STORED, METADATA_BYTES, METADATA_STORED, metadataHeader, readWords } from "./layout.ts";
import { type MetadataRef, SquashfsError } from "./model.ts";

/** What reading an image needs: `length` bytes from `offset`, never fewer. */
export interface SquashfsSource {
  /** Bytes of the whole image. */
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function malformed(what: string, cause?: unknown): SquashfsError {
  return new SquashfsError("image_malformed", `squashfs: ${what}`, { cause });
}

interface Layout<T> {
  readonly size: number;
  decode(bytes: Uint8Array): T;
}

/** The bytes as `layout` reads them. Throws `image_malformed`. */
export function decoded<T>(layout: Layout<T>, bytes: Uint8Array): T {
  try {
    return layout.decode(bytes);
  } catch (cause) {
    throw malformed(messageOf(cause), cause);
  }
}

interface MetadataBlock {
  readonly contents: Uint8Array;
  /** Offset of the block behind it. */
  readonly next: number;
}

/** Metadata blocks kept decoded: 2 MiB. */
const CACHED_BLOCKS = 256;

/** Bounded access to an image's blocks. */
export class Image {
  readonly #source: SquashfsSource;
  readonly #codec: Codec;
  readonly #cache = new Map<number, MetadataBlock>();
  #compression: number = COMPRESSORS.zstd;

  constructor(source: SquashfsSource, codec: Codec) {
    this.#source = source;
    this.#codec = codec;
  }

  /** Code of the compressor, once the superblock is known. Throws for those we do not read. */
  set compression(code: number) {
    if (code !== COMPRESSORS.zstd && code !== COMPRESSORS.xz)
      throw malformed(`compressor ${code} is neither zstd nor xz`);
    this.#compression = code;
  }

  /** Throws `image_malformed` for ranges outside the image. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.#source.size)) {
      throw malformed(`${length} bytes at ${offset} are outside the ${this.#source.size} bytes of the image`);
    }
    return this.#source.read(offset, length);
  }

  /** The contents of a data or fragment block, at most `limit` bytes. */
  async dataBlock(offset: number, sizeWord: number, limit: number): Promise<Uint8Array> {
    const stored = (sizeWord & DATA_STORED) !== 0;
    const size = sizeWord & (DATA_STORED - 1);
    if (sizeWord >= 2 * DATA_STORED || size > limit) throw malformed(`block at ${offset} has size ${sizeWord}`);
    const bytes = await this.read(offset, size);
    return stored ? bytes : this.#decode(bytes, offset, limit);
  }

  async metadataBlock(offset: number): Promise<MetadataBlock> {
    const cached = this.#cache.get(offset);
    if (cached) return cached;
    const { size: word } = metadataHeader.decode(await this.read(offset, metadataHeader.size));
    const size = word & (METADATA_STORED - 1);
    if (size === 0 || size > METADATA_BYTES) throw malformed(`metadata block at ${offset} has ${size} bytes`);
    const bytes = await this.read(offset + metadataHeader.size, size);
    const contents = word & METADATA_STORED ? bytes : await this.#decode(bytes, offset, METADATA_BYTES);
    const block = { contents, next: offset + metadataHeader.size + size };
    if (this.#cache.size >= CACHED_BLOCKS) this.#cache.clear();
    this.#cache.set(offset, block);
    return block;
  }

  /** One record of a table that is found through a list of its blocks' offsets. */
  async indexed(table: number, index: number, recordSize: number): Promise<Uint8Array> {
    const pointer = { size: 8, decode: (bytes: Uint8Array) => readWords(64, bytes)[0]! };
    const block = Math.floor((index * recordSize) / METADATA_BYTES);
    const start = decoded(pointer, await this.read(table + block * pointer.size, pointer.size));
    return new Cursor(this, start, { block: 0, offset: (index * recordSize) % METADATA_BYTES }).take(recordSize);
  }

  async #decode(bytes: Uint8Array, offset: number, limit: number): Promise<Uint8Array> {
    const source = (async function* () {
      yield bytes;
    })();
    const pieces: Uint8Array[] = [];
    let size = 0;
    try {
      const xz = this.#compression === COMPRESSORS.xz;
      for await (const piece of xz ? this.#codec.unxz(source) : this.#codec.unzstd(source)) {
        size += piece.length;
        if (size > limit) break;
        pieces.push(piece);
      }
    } catch (cause) {
      throw malformed(`block at ${offset} does not decompress: ${messageOf(cause)}`, cause);
    }
    if (size > limit) throw malformed(`block at ${offset} decompresses to more than ${limit} bytes`);
    return pieces.length === 1 ? pieces[0]! : concatBytes(...pieces);
  }
}

/** Reads records of a metadata table from a reference on. */
export class Cursor {
  readonly #image: Image;
  #at: number;
  #offset: number;

  /** `table`: offset of the table in the image. */
  constructor(image: Image, table: number, ref: MetadataRef) {
    this.#image = image;
    this.#at = table + ref.block;
    this.#offset = ref.offset;
  }

  /** The next `length` bytes. */
  async take(length: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let missing = length; missing > 0; ) {
      const { contents, next } = await this.#image.metadataBlock(this.#at);
      if (this.#offset > contents.length) throw malformed(`metadata block at ${this.#at} ends before ${this.#offset}`);
      const piece = contents.subarray(this.#offset, this.#offset + missing);
      this.#offset += piece.length;
      missing -= piece.length;
      pieces.push(piece);
      if (missing > 0) {
        this.#at = next;
        this.#offset = 0;
      }
    }
    return pieces.length === 1 ? pieces[0]! : concatBytes(...pieces);
  }

  /** One record of a layout. */
  async record<T>(layout: Layout<T>): Promise<T> {
    return decoded(layout, await this.take(layout.size));
  }
}
