import { type Extent, extentLength } from "./extent.ts";
import type { Recipe } from "./recipe.ts";

/** Neighbouring units of a recipe, counted in units from its start. */
export interface UnitRun {
  readonly first: number;
  readonly count: number;
}

/**
 * The units of `unit` bytes that hold more than zeros, ascending, neighbours as one run; the last unit of the recipe may
 * be short. Inline bytes are looked at, blobs count as data without being read.
 */
export function* dataRuns(whole: Recipe, unit: number): Generator<UnitRun> {
  let first = 0;
  let end = 0;
  for (const [i, extent] of whole.extents.entries()) {
    for (const [from, to] of dataIn(extent, whole.starts[i]!, unit)) {
      if (from > end) {
        if (end > first) yield { first, count: end - first };
        first = from;
      } else if (end === first) first = from;
      end = Math.max(end, to);
    }
  }
  if (end > first) yield { first, count: end - first };
}

/** Ranges of units (first, end) an extent that begins at byte `start` puts data into. */
function* dataIn(extent: Extent, start: number, unit: number): Generator<readonly [number, number]> {
  const end = start + extentLength(extent);
  if (extent.$case === "blob") yield [Math.floor(start / unit), Math.ceil(end / unit)];
  if (extent.$case !== "inline") return;
  for (let at = Math.floor(start / unit); at * unit < end; at++) {
    const from = Math.max(at * unit - start, 0);
    if (!isZeros(extent.bytes, from, Math.min((at + 1) * unit, end) - start)) yield [at, at + 1];
  }
}

function isZeros(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}
