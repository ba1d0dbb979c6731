import { DATA_STORED, METADATA_BYTES, METADATA_STORED, metadataHeader, superblock } from "./layout.ts";
import type { MetadataRef, SquashfsOptions } from "./model.ts";

/** A compressed block, or the block itself when it did not shrink. */
interface Encoded {
  readonly bytes: Uint8Array;
  readonly stored: boolean;
}

/** Called once a data block has its place: its offset in the image, and its size with the "stored" flag. */
export type Placed = (offset: number, sizeWord: number) => void;

/** Compresses one block of data or metadata. */
export type BlockEncoder = (block: Uint8Array) => Promise<Encoded>;

/** The compressor of the options, applied to single blocks. */
export function blockEncoder({ codec, compression, blockSize }: SquashfsOptions & { blockSize: number }): BlockEncoder {
  const compress = (block: Uint8Array): Promise<Uint8Array> => {
    switch (compression.$case) {
      case "zstd":
        return codec.zstd(block, { level: compression.level });
      case "xz":
        // The kernel allocates a dictionary of one block, or of one metadata block where that is more.
        return codec.xz(block, { preset: 6, check: "crc32", dictionary: Math.max(blockSize, METADATA_BYTES) });
    }
  };
  return async (block) => {
    const bytes = await compress(block);
    return bytes.length < block.length ? { bytes, stored: false } : { bytes: block, stored: true };
  };
}

/**
 * The body of the image: takes data blocks, compresses up to `concurrency` of them at once and emits
 * them in the order they came. What is in memory is bounded by that number of blocks.
 */
export class BlockOutput {
  readonly #encode: BlockEncoder;
  readonly #emit: SquashfsOptions["emit"];
  readonly #concurrency: number;
  readonly #queue: { readonly encoded: Promise<Encoded>; readonly placed: Placed }[] = [];
  #position: number = superblock.size;

  constructor(encode: BlockEncoder, emit: SquashfsOptions["emit"], concurrency: number) {
    this.#encode = encode;
    this.#emit = emit;
    this.#concurrency = concurrency;
  }

  /** Offset in the image of what `write` writes next; exact only when no blocks are under way. */
  get position(): number {
    return this.#position;
  }

  /** Starts compressing a block; waits only when too many are under way. The block must not change afterwards. */
  async addBlock(block: Uint8Array, placed: Placed): Promise<void> {
    while (this.#queue.length >= this.#concurrency) await this.#emitOldest();
    const encoded = this.#encode(block);
    // A failure is reported when its turn comes; until then it must not count as unhandled.
    encoded.catch(() => undefined);
    this.#queue.push({ encoded, placed });
  }

  /** Emits all blocks under way. */
  async flush(): Promise<void> {
    while (this.#queue.length > 0) await this.#emitOldest();
  }

  /** Emits bytes as they are, behind everything added before. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.flush();
    if (bytes.length === 0) return;
    this.#position += bytes.length;
    await this.#emit(bytes);
  }

  async #emitOldest(): Promise<void> {
    const { encoded, placed } = this.#queue.shift()!;
    const { bytes, stored } = await encoded;
    placed(this.#position, stored ? bytes.length | DATA_STORED : bytes.length);
    this.#position += bytes.length;
    await this.#emit(bytes);
  }
}

/** The number that stands for a reference in 64-bit fields: block offset above 16 bits of offset. */
export function refNumber(ref: MetadataRef): number {
  return ref.block * 0x10000 + ref.offset;
}

/** A metadata table: records in a row, cut into compressed blocks of 8 KiB. Records may cross blocks. */
export class MetadataTable {
  readonly #encode: BlockEncoder;
  readonly #blocks: Uint8Array[] = [];
  /** Offset of each block in the table. */
  readonly starts: number[] = [];
  #size = 0;
  #current = new Uint8Array(METADATA_BYTES);
  #used = 0;

  constructor(encode: BlockEncoder) {
    this.#encode = encode;
  }

  /** Where the next record will start. */
  get position(): MetadataRef {
    return { block: this.#size, offset: this.#used };
  }

  async append(record: Uint8Array): Promise<void> {
    for (let at = 0; at < record.length; ) {
      const part = record.subarray(at, at + METADATA_BYTES - this.#used);
      this.#current.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
      // Full blocks are closed at once, so that `position` never points behind the end of one.
      if (this.#used === METADATA_BYTES) await this.#close();
    }
  }

  /** Closes the last block and writes the table out. Gives its offset in the image. */
  async writeTo(output: BlockOutput): Promise<number> {
    if (this.#used > 0) await this.#close();
    await output.flush();
    const start = output.position;
    for (const block of this.#blocks) await output.write(block);
    return start;
  }

  async #close(): Promise<void> {
    const { bytes, stored } = await this.#encode(this.#current.subarray(0, this.#used));
    const block = metadataBlock(bytes, stored);
    this.starts.push(this.#size);
    this.#blocks.push(block);
    this.#size += block.length;
    this.#current = new Uint8Array(METADATA_BYTES);
    this.#used = 0;
  }
}

/** A metadata block with its header. */
export function metadataBlock(bytes: Uint8Array, stored: boolean): Uint8Array {
  const out = new Uint8Array(metadataHeader.size + bytes.length);
  out.set(metadataHeader.encode({ size: stored ? bytes.length | METADATA_STORED : bytes.length }));
  out.set(bytes, metadataHeader.size);
  return out;
}
