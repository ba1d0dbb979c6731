import { FactoryError, messageOf } from "../errors.ts";

/** Bytes that can be read at any place, such as a file or a part of one. */
export interface RandomAccess {
  /** Bytes. */
  readonly size: number;
  /** `length` bytes from `offset`, never fewer; the caller keeps both within `size`. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A stretch of bytes of something larger; `offset` undefined stands for zeros. */
export interface Run {
  readonly offset: number | undefined;
  readonly length: number;
}

/** What a reader of foreign images throws: they are not what their own tables say. */
export class ImageError extends FactoryError<"image_malformed"> {}

/** An `image_malformed` to throw. */
export function malformed(what: string, cause?: unknown): ImageError {
  return new ImageError("image_malformed", what, { cause });
}

interface Layout<T> {
  readonly name: string;
  readonly size: number;
  decode(bytes: Uint8Array): T;
}

/** One record of an image. Throws `image_malformed` when it is not within the image or holds what it cannot. */
export async function readRecord<T>(source: RandomAccess, offset: number, layout: Layout<T>): Promise<T> {
  const bytes = await readPart(source, offset, layout.size, layout.name);
  try {
    return layout.decode(bytes);
  } catch (cause) {
    throw malformed(`${layout.name}: ${messageOf(cause)}`, cause);
  }
}

/** `length` bytes from `offset`. Throws `image_malformed` unless all of them are within the image; `what` names them. */
export async function readPart(
  source: RandomAccess,
  offset: number,
  length: number,
  what: string,
): Promise<Uint8Array> {
  if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > source.size) {
    throw malformed(`${what}: ${length} bytes at ${offset} are not within the ${source.size} bytes there are`);
  }
  return await source.read(offset, length);
}

/** The runs of an image one after another, as far as `size` bytes. Throws `image_malformed` for runs beyond its end. */
export function joined(source: RandomAccess, runs: readonly Run[], size: number): RandomAccess {
  const starts: number[] = [];
  let total = 0;
  for (const { offset, length } of runs) {
    if (offset !== undefined && (offset < 0 || offset + length > source.size)) {
      throw malformed(`${length} bytes at ${offset} are not within the ${source.size} bytes there are`);
    }
    starts.push(total);
    total += length;
  }
  if (size > total) throw malformed(`${size} bytes are said to be there, and room is for ${total}`);
  return {
    size,
    async read(from, count) {
      const out = new Uint8Array(count);
      let i = Math.max(
        0,
        starts.findLastIndex((start) => start <= from),
      );
      for (let at = from; at < from + count; i++) {
        const { offset, length } = runs[i]!;
        const inside = at - starts[i]!;
        const part = Math.min(length - inside, from + count - at);
        if (offset !== undefined) out.set(await source.read(offset + inside, part), at - from);
        at += part;
      }
      return out;
    },
  };
}

/** A part of an image. Throws `image_malformed` unless it is within. */
export function part(source: RandomAccess, offset: number, size: number): RandomAccess {
  return joined(source, [{ offset, length: size }], size);
}
