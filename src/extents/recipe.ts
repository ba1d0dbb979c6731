import { type Digest, isDigest, Sha256Stream, sha256 } from "../bytes/digest.ts";
import { concatBytes } from "../bytes/text.ts";
import { type Extent, ExtentError, extentLength, sliceExtent } from "./extent.ts";

/** Adjacent inline pieces are joined up to this many bytes, so that tiny headers do not make long lists. */
const INLINE_JOIN_LIMIT = 64 * 1024;

/**
 * An image as an ordered list of extents: an immutable value whose size is known before any byte is
 * read. Built by `recipe`, which is the only validator; all other functions compose recipes.
 */
export class Recipe {
  /** Total size in bytes. */
  readonly size: number;
  readonly extents: readonly Extent[];
  /** Byte offset at which each extent starts; ascending. */
  readonly starts: readonly number[];
  #identity: Digest | undefined;

  /** @internal use `recipe` */
  constructor(extents: readonly Extent[], starts: readonly number[], size: number) {
    this.extents = extents;
    this.starts = starts;
    this.size = size;
  }

  /**
   * Digest of the canonical description. Two recipes with the same extents have the same identity
   * however their lists were cut, and need no byte of any blob to compute it. It is the strong ETag.
   */
  get identity(): Digest {
    this.#identity ??= describe(this.extents);
    return this.#identity;
  }

  /** Index of the extent that holds byte `offset`; `offset` must be below `size`. */
  indexAt(offset: number): number {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function isLength(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function check(extent: Extent): void {
  const length = extentLength(extent);
  if (!isLength(length))
    throw new ExtentError("extent_invalid", `${extent.$case} extent: length ${length} is not a size in bytes`);
  if (extent.$case !== "blob") return;
  if (!isLength(extent.offset) || !isLength(extent.offset + length)) {
    throw new ExtentError(
      "extent_invalid",
      `blob extent: offset ${extent.offset} and length ${length} are not a range of bytes`,
    );
  }
  if (!isDigest(extent.digest)) throw new ExtentError("extent_invalid", "blob extent: digest is malformed");
}

/** The extent both make together when they can be one, else undefined. */
function joined(a: Extent, b: Extent): Extent | undefined {
  if (a.$case === "zeros" && b.$case === "zeros") return { $case: "zeros", length: a.length + b.length };
  if (a.$case === "blob" && b.$case === "blob" && a.digest === b.digest && a.offset + a.length === b.offset) {
    return { ...a, length: a.length + b.length };
  }
  return undefined;
}

function joinInline(extents: readonly Extent[]): Extent[] {
  const out: Extent[] = [];
  let run: Uint8Array[] = [];
  let runBytes = 0;
  const flush = (): void => {
    if (run.length > 0) out.push({ $case: "inline", bytes: run.length === 1 ? run[0]! : concatBytes(...run) });
    run = [];
    runBytes = 0;
  };
  for (const extent of extents) {
    if (extent.$case !== "inline") {
      flush();
      out.push(extent);
      continue;
    }
    if (runBytes + extent.bytes.length > INLINE_JOIN_LIMIT) flush();
    run.push(extent.bytes);
    runBytes += extent.bytes.length;
  }
  flush();
  return out;
}

/**
 * Validates a list of extents and makes a recipe of it: lengths are safe integers, empty extents
 * vanish, neighbours that continue each other become one. Throws `extent_invalid`.
 */
export function recipe(extents: Iterable<Extent>): Recipe {
  const merged: Extent[] = [];
  for (const extent of extents) {
    check(extent);
    if (extentLength(extent) === 0) continue;
    const last = merged.at(-1);
    const one = last && joined(last, extent);
    if (one) merged[merged.length - 1] = one;
    else merged.push(extent);
  }
  const list = joinInline(merged);
  const starts: number[] = [];
  let size = 0;
  for (const extent of list) {
    starts.push(size);
    size += extentLength(extent);
    if (!isLength(size)) throw new ExtentError("extent_invalid", "recipe: total size is beyond 2^53 bytes");
  }
  return new Recipe(list, starts, size);
}

/** A recipe of bytes held in memory. */
export function inline(bytes: Uint8Array): Recipe {
  return recipe([{ $case: "inline", bytes }]);
}

/** A recipe of a whole blob (or of `length` bytes of it from `offset`). */
export function blob(digest: Digest, length: number, offset = 0): Recipe {
  return recipe([{ $case: "blob", digest, offset, length }]);
}

/** A recipe of `length` zero bytes. */
export function zeros(length: number): Recipe {
  return recipe([{ $case: "zeros", length }]);
}

/** The recipes one after another. */
export function concat(...parts: readonly Recipe[]): Recipe {
  return recipe(parts.flatMap((part) => part.extents));
}

/** `length` bytes from `offset`. Throws `range_invalid` unless that range lies within the recipe. */
export function slice(whole: Recipe, offset: number, length: number): Recipe {
  return recipe(extentsIn(whole, offset, length));
}

/** The extents of a range, the first and last cut to it, in order. */
export function* extentsIn(whole: Recipe, offset: number, length: number): Generator<Extent> {
  if (!isLength(offset) || !isLength(length) || offset + length > whole.size) {
    throw new ExtentError("range_invalid", `range of ${length} bytes at ${offset} is outside the ${whole.size} bytes`);
  }
  const end = offset + length;
  for (let at = offset, i = whole.indexAt(offset); at < end; i++) {
    const extent = whole.extents[i]!;
    const start = whole.starts[i]!;
    const stop = Math.min(end - start, extentLength(extent));
    yield sliceExtent(extent, at - start, stop);
    at = start + stop;
  }
}

/** The recipe followed by zeros up to `size` bytes. Throws `range_invalid` when it is longer already. */
export function padTo(whole: Recipe, size: number): Recipe {
  if (whole.size > size) throw new ExtentError("range_invalid", `${whole.size} bytes do not fit into ${size}`);
  return concat(whole, zeros(size - whole.size));
}

/** One part of an image and the byte offset it stands at. */
export interface Placement {
  readonly offset: number;
  readonly content: Recipe;
}

/**
 * An image of `size` bytes with parts at given offsets and zeros between them. The order of the
 * list does not matter. Throws `overlap` when two parts meet, `range_invalid` when one sticks out.
 */
export function place(size: number, parts: readonly Placement[]): Recipe {
  const sorted = parts.filter((part) => part.content.size > 0).sort((a, b) => a.offset - b.offset);
  const extents: Extent[] = [];
  let at = 0;
  for (const { offset, content } of sorted) {
    if (!isLength(offset) || offset + content.size > size) {
      throw new ExtentError("range_invalid", `part of ${content.size} bytes at ${offset} does not fit into ${size}`);
    }
    if (offset < at) throw new ExtentError("overlap", `part at ${offset} overlaps the one that ends at ${at}`);
    extents.push({ $case: "zeros", length: offset - at }, ...content.extents);
    at = offset + content.size;
  }
  extents.push({ $case: "zeros", length: size - at });
  return recipe(extents);
}

/** One line per extent; runs of inline bytes count as one, wherever the list happens to cut them. */
function describe(extents: readonly Extent[]): Digest {
  const lines: string[] = ["recipe 1"];
  for (let i = 0; i < extents.length; ) {
    const extent = extents[i]!;
    i++;
    if (extent.$case === "zeros") lines.push(`zeros ${extent.length}`);
    else if (extent.$case === "blob") lines.push(`blob ${extent.digest} ${extent.offset} ${extent.length}`);
    else {
      const hash = new Sha256Stream().update(extent.bytes);
      let length = extent.bytes.length;
      for (let next = extents[i]; next?.$case === "inline"; next = extents[++i]) {
        hash.update(next.bytes);
        length += next.bytes.length;
      }
      lines.push(`inline ${length} ${hash.digest()}`);
    }
  }
  return sha256(`${lines.join("\n")}\n`);
}
