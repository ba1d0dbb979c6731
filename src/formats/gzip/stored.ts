import { concatBytes } from "../../bytes/text.ts";
import { type Extent, extentLength, extentsIn, type Recipe, recipe } from "../../extents/index.ts";
import { STORED_LENGTH, STORED_MAX } from "./layout.ts";
import { deflateZeros, ZEROS_MIN_BYTES } from "./zeros.ts";

/** Block header of a stored block that is not the last, with its padding [RFC 1951, 3.2.4]. */
const STORED_BLOCK = Uint8Array.of(0);

function* storedBlocks(run: Recipe): Generator<Extent> {
  for (let at = 0; at < run.size; at += STORED_MAX) {
    const length = Math.min(STORED_MAX, run.size - at);
    const lengths = STORED_LENGTH.encode({ length, complement: STORED_MAX - length });
    yield { $case: "inline", bytes: concatBytes(STORED_BLOCK, lengths) };
    yield* extentsIn(run, at, length);
  }
}

function* blocks(content: Recipe): Generator<Extent> {
  let run: Extent[] = [];
  for (const extent of content.extents) {
    if (extent.$case !== "zeros" || extentLength(extent) < ZEROS_MIN_BYTES) {
      run.push(extent);
      continue;
    }
    yield* storedBlocks(recipe(run));
    run = [];
    yield* deflateZeros(extent.length);
  }
  yield* storedBlocks(recipe(run));
}

/**
 * The content as deflate data that compresses nothing but zeros: bytes stay extents inside stored blocks and are never read.
 * None of the blocks is the final one, and they end on a byte, so that more can follow. RFC 1951.
 */
export function deflateStored(content: Recipe): Recipe {
  return recipe(blocks(content));
}
