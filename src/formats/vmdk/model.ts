import { alignUp } from "../../bytes/align.ts";
import { FactoryError } from "../../errors.ts";
import {
  type BlobRef,
  concat,
  dataRuns,
  extentLength,
  padTo,
  type Recipe,
  slice,
  type UnitRun,
} from "../../extents/index.ts";
import { GRAIN_SECTORS, SECTOR_BYTES } from "./layout.ts";

export type VmdkErrorCode = "vmdk_grains" | "vmdk_too_large";

export class VmdkError extends FactoryError<VmdkErrorCode> {}

export const GRAIN_BYTES = GRAIN_SECTORS * SECTOR_BYTES;

/** A stretch of one blob with at least this many whole grains is a part of its own, shared by all disks that have it there. */
const OWN_PART_GRAINS = 16;

/** Grains that are looked at together. */
export interface VmdkPart {
  /** Ascending, in grains from the start of the disk. */
  readonly runs: readonly UnitRun[];
  /** The bytes of these grains one after another; only the last grain of a disk may be short. */
  readonly content: Recipe;
}

/** How a grain is kept, found out by whoever reads it. */
export type GrainForm =
  | { readonly $case: "zeros" }
  /** As it is, with the checksum its zlib stream ends with, and its last byte, which gets a block of its own. */
  | { readonly $case: "stored"; readonly adler32: number; readonly lastByte: number }
  /** As a zlib stream of `bytes` bytes, the next in the blob of its part. */
  | { readonly $case: "deflated"; readonly bytes: number };

/** All grains of a part, and the zlib streams of the deflated ones in order. */
export interface PackedGrains {
  readonly grains: readonly GrainForm[];
  readonly packed: BlobRef | undefined;
}

/** The disk in whole sectors. */
export function wholeSectors(disk: Recipe): Recipe {
  return padTo(disk, alignUp(disk.size, SECTOR_BYTES));
}

/**
 * The parts of a disk that have to be looked at before it can be written: all grains that may hold data. Long stretches of a
 * blob are parts of their own, all other grains are one.
 */
export function vmdkParts(disk: Recipe): readonly VmdkPart[] {
  const whole = wholeSectors(disk);
  const own = ownRuns(whole);
  const parts = own.map((run) => partOf(whole, [run]));
  const rest = [...without(dataRuns(whole, GRAIN_BYTES), own)];
  return rest.length > 0 ? [...parts, partOf(whole, rest)] : parts;
}

function partOf(whole: Recipe, runs: readonly UnitRun[]): VmdkPart {
  const content = runs.map(({ first, count }) => {
    const offset = first * GRAIN_BYTES;
    return slice(whole, offset, Math.min(count * GRAIN_BYTES, whole.size - offset));
  });
  return { runs, content: concat(...content) };
}

function ownRuns(whole: Recipe): readonly UnitRun[] {
  return whole.extents.flatMap((extent, i) => {
    if (extent.$case !== "blob") return [];
    const start = whole.starts[i]!;
    const first = Math.ceil(start / GRAIN_BYTES);
    const count = Math.floor((start + extentLength(extent)) / GRAIN_BYTES) - first;
    return count >= OWN_PART_GRAINS ? [{ first, count }] : [];
  });
}

/** What is left of `runs` when `taken` is not in them; both ascending, all of `taken` within `runs`. */
function* without(runs: Iterable<UnitRun>, taken: readonly UnitRun[]): Generator<UnitRun> {
  let next = 0;
  for (const { first, count } of runs) {
    const end = first + count;
    let at = first;
    for (let cut = taken[next]; cut && cut.first < end; cut = taken[++next]) {
      if (cut.first > at) yield { first: at, count: cut.first - at };
      at = cut.first + cut.count;
    }
    if (at < end) yield { first: at, count: end - at };
  }
}
