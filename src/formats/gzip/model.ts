import { FactoryError } from "../../errors.ts";
import type { Recipe } from "../../extents/index.ts";

export type GzipErrorCode = "gzip_name";

export class GzipError extends FactoryError<GzipErrorCode> {}

/** A part of the content of a member. */
export interface GzipPart {
  /** Deflate blocks, none of them the final one, that end on a byte and refer to no byte before them. */
  readonly deflate: Recipe;
  /** Bytes they decode to. */
  readonly size: number;
  /** CRC-32 of those bytes. */
  readonly crc32: number;
}

export interface GzipOptions {
  /** Name of the file that was compressed, kept in the header; default none. */
  readonly name?: string;
}
