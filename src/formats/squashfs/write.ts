import { alignUp } from "../../bytes/align.ts";
import { utf8 } from "../../bytes/text.ts";
import { type Tables, writeTables } from "./assemble.ts";
import { type BlockEncoder, BlockOutput, blockEncoder, metadataBlock } from "./blocks.ts";
import { FileStore } from "./data.ts";
import {
  BLOCK_SIZES,
  COMPRESSORS,
  FLAGS,
  PADDING,
  PATH_BYTES,
  superblock,
  ZSTD_DEFAULT_LEVEL,
  zstdOptions,
} from "./layout.ts";
import {
  type SquashfsAttributes,
  SquashfsError,
  type SquashfsOptions,
  type SquashfsResult,
  type SquashfsSpecial,
} from "./model.ts";
import { Tree } from "./tree.ts";
import { checkXattrs } from "./xattr.ts";

const DEFAULT_BLOCK_SIZE = 128 * 1024;
const DEFAULT_CONCURRENCY = 4;

/** Devices in the kernel's 32-bit form. */
const MAX_MAJOR = 0xfff;
const MAX_MINOR = 0xfffff;

type Settings = SquashfsOptions & { readonly blockSize: number; readonly concurrency: number };

/**
 * Writes one squashfs 4.0 image, strictly forward. Nodes may come in any order and missing parents are
 * made (0755); one call at a time. Paths are relative with `/` between the parts; `""` is the root.
 * After a call that failed, or after `finish`, every further one throws `writer_state`.
 */
export class SquashfsWriter {
  readonly #settings: Settings;
  readonly #encode: BlockEncoder;
  readonly #output: BlockOutput;
  readonly #files: FileStore;
  readonly #tree = new Tree();
  #state: "new" | "open" | "busy" | "closed" = "new";

  /** Throws `option_invalid`. */
  constructor(options: SquashfsOptions) {
    this.#settings = settingsOf(options);
    const { blockSize, emit, concurrency } = this.#settings;
    this.#encode = blockEncoder(this.#settings);
    this.#output = new BlockOutput(this.#encode, emit, concurrency);
    this.#files = new FileStore(this.#output, blockSize);
  }

  /** Adds a regular file of `size` bytes. Throws `size_mismatch` when the body has more or fewer. */
  addFile(path: string, attributes: SquashfsAttributes, body: AsyncIterable<Uint8Array>, size: number): Promise<void> {
    return this.#exclusive(async () => {
      checkAttributes(path, attributes);
      checkNumber(`size of "${path}"`, size, Number.MAX_SAFE_INTEGER);
      const put = this.#tree.reserve(path);
      put({ $case: "file", attributes, data: await this.#files.add(path, body, size) });
    });
  }

  /** Adds a directory, or gives one that exists so far only as a parent its attributes. */
  addDirectory(path: string, attributes: SquashfsAttributes): Promise<void> {
    return this.#exclusive(async () => {
      checkAttributes(path, attributes);
      this.#tree.addDirectory(path, attributes);
    });
  }

  /** Adds a symlink, mode 0777. */
  addSymlink(path: string, target: string, xattrs: SquashfsAttributes["xattrs"] = new Map()): Promise<void> {
    return this.#exclusive(async () => {
      const attributes = { mode: 0o777, xattrs };
      checkAttributes(path, attributes);
      const bytes = utf8(target);
      const bad = bytes.length === 0 || bytes.length > PATH_BYTES || target.includes("\0") || !target.isWellFormed();
      if (bad) {
        throw invalid(`target of "${path}" is not 1 to ${PATH_BYTES} bytes of text without NUL`);
      }
      this.#tree.reserve(path)({ $case: "symlink", attributes, target: bytes });
    });
  }

  /** Adds a device, fifo or socket. */
  addSpecial(path: string, attributes: SquashfsAttributes, special: SquashfsSpecial): Promise<void> {
    return this.#exclusive(async () => {
      checkAttributes(path, attributes);
      if (special.$case === "char" || special.$case === "block") {
        checkNumber(`major of "${path}"`, special.major, MAX_MAJOR);
        checkNumber(`minor of "${path}"`, special.minor, MAX_MINOR);
      }
      this.#tree.reserve(path)({ ...special, attributes });
    });
  }

  /** Gives the file, symlink or special node at `existing` a further name. Throws `entry_missing`. */
  addHardLink(path: string, existing: string): Promise<void> {
    return this.#exclusive(async () => {
      const node = this.#tree.leaf(existing);
      this.#tree.reserve(path)(node);
    });
  }

  /** Writes all metadata and the padding, and gives the superblock. */
  finish(): Promise<SquashfsResult> {
    return this.#exclusive(async () => {
      await this.#files.finish();
      await this.#output.flush();
      const { fragments } = this.#files;
      const { mtime } = this.#settings;
      const tables = await writeTables(this.#tree.root, fragments, mtime, this.#encode, this.#output);
      const bytesUsed = this.#output.position;
      const head = this.#superblock(tables, bytesUsed);
      await this.#output.write(new Uint8Array(alignUp(bytesUsed, PADDING) - bytesUsed));
      return { superblock: head, bodySize: this.#output.position - superblock.size };
    }, "closed");
  }

  #superblock(tables: Tables, bytesUsed: number): Uint8Array {
    const { compression, mtime, blockSize } = this.#settings;
    return superblock.encode({
      ...tables,
      mkfsTime: mtime,
      blockSize,
      fragments: this.#files.fragments.length,
      compression: COMPRESSORS[compression.$case],
      blockLog: Math.log2(blockSize),
      flags: FLAGS.duplicates | FLAGS.exportable | (hasOptions(compression) ? FLAGS.compressorOptions : 0),
      ids: 1,
      bytesUsed,
    });
  }

  /** Runs one step. A step that fails may have left half a file in the output, so it closes the writer. */
  async #exclusive<T>(step: () => Promise<T>, next: "open" | "closed" = "open"): Promise<T> {
    if (this.#state === "busy" || this.#state === "closed") {
      throw new SquashfsError("writer_state", `squashfs: writer is ${this.#state}`);
    }
    const first = this.#state === "new";
    this.#state = "busy";
    try {
      if (first) await this.#writeOptions();
      const result = await step();
      this.#state = next;
      return result;
    } finally {
      if (this.#state === "busy") this.#state = "closed";
    }
  }

  async #writeOptions(): Promise<void> {
    const { compression } = this.#settings;
    if (!hasOptions(compression)) return;
    await this.#output.write(metadataBlock(zstdOptions.encode({ level: compression.level }), true));
  }
}

/** xz with a dictionary of one block, and zstd 15, are the defaults of mksquashfs: no options are stored. */
function hasOptions(compression: SquashfsOptions["compression"]): compression is { $case: "zstd"; level: number } {
  return compression.$case === "zstd" && compression.level !== ZSTD_DEFAULT_LEVEL;
}

function settingsOf(options: SquashfsOptions): Settings {
  const { blockSize = DEFAULT_BLOCK_SIZE, concurrency = DEFAULT_CONCURRENCY, compression, mtime } = options;
  const refuse = (what: string): never => {
    throw new SquashfsError("option_invalid", `squashfs: ${what}`);
  };
  if (blockSize < BLOCK_SIZES.min || blockSize > BLOCK_SIZES.max || !Number.isInteger(Math.log2(blockSize))) {
    refuse(`block size ${blockSize} is not a power of two from ${BLOCK_SIZES.min} to ${BLOCK_SIZES.max}`);
  }
  if (!Number.isInteger(mtime) || mtime < 0 || mtime > 0xffffffff) refuse(`mtime ${mtime} is not in 0..2^32-1`);
  if (!Number.isInteger(concurrency) || concurrency < 1) refuse(`concurrency ${concurrency} is not at least 1`);
  if (
    compression.$case === "zstd" &&
    !(Number.isInteger(compression.level) && compression.level >= 1 && compression.level <= 19)
  ) {
    refuse(`zstd level ${compression.level} is not in 1..19`);
  }
  return { ...options, blockSize, concurrency };
}

function checkAttributes(path: string, { mode, xattrs }: SquashfsAttributes): void {
  checkNumber(`mode of "${path}"`, mode, 0o7777);
  if (xattrs) checkXattrs(path, xattrs);
}

function checkNumber(what: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > max) throw invalid(`${what} is ${value}, not in 0..${max}`);
}

function invalid(what: string): SquashfsError {
  return new SquashfsError("entry_invalid", `squashfs: ${what}`);
}
