import type { Digest } from "../bytes/digest.ts";
import { FactoryError } from "../errors.ts";

/**
 * A run of bytes: held inline, a slice of a stored blob, or zeros. All lengths and offsets are
 * bytes, non-negative safe integers. Inline bytes must not be changed after they were handed over.
 */
export type Extent =
  | { readonly $case: "inline"; readonly bytes: Uint8Array }
  | { readonly $case: "blob"; readonly digest: Digest; readonly offset: number; readonly length: number }
  | { readonly $case: "zeros"; readonly length: number };

/** A whole blob: its digest and its size in bytes. */
export interface BlobRef {
  readonly digest: Digest;
  readonly size: number;
}

export type ExtentErrorCode = "extent_invalid" | "range_invalid" | "overlap" | "blob_short";

export class ExtentError extends FactoryError<ExtentErrorCode> {}

export function extentLength(extent: Extent): number {
  return extent.$case === "inline" ? extent.bytes.length : extent.length;
}

/** The part of an extent from `start` to `end` (bytes from its own beginning, both within it). */
export function sliceExtent(extent: Extent, start: number, end: number): Extent {
  switch (extent.$case) {
    case "inline":
      return { $case: "inline", bytes: extent.bytes.subarray(start, end) };
    case "blob":
      return { ...extent, offset: extent.offset + start, length: end - start };
    case "zeros":
      return { $case: "zeros", length: end - start };
  }
}
