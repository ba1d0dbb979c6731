import { alignUp } from "../../bytes/align.ts";

/** A run of free blocks of one group. */
export interface FreeExtent {
  readonly start: number;
  readonly count: number;
}

/** What a search near a block asks for. Blocks are numbers within the group. */
export interface NearRequest {
  readonly wanted: number;
  readonly count: number;
  /** The start must be a multiple of it; 1 when left out. */
  readonly alignment?: number;
  /** File contents go to the start of a free run before the wanted block, so that they can grow; others to its end. */
  readonly contents?: boolean;
}

/** The free blocks of one group, and the searches of the kernel's allocator that mkfs.xfs uses (xfs_alloc.c). */
export class FreeSpace {
  /** In ascending order, never touching each other. */
  readonly extents: FreeExtent[] = [];

  constructor(...extents: readonly FreeExtent[]) {
    this.extents.push(...extents.filter(({ count }) => count > 0));
  }

  get blocks(): number {
    return this.extents.reduce((sum, { count }) => sum + count, 0);
  }

  get longest(): number {
    return this.extents.reduce((longest, { count }) => Math.max(longest, count), 0);
  }

  /** Free extents by length, then by start. */
  bySize(): readonly FreeExtent[] {
    return this.extents.toSorted((a, b) => a.count - b.count || a.start - b.start);
  }

  /** Free blocks from `start` on. */
  runAt(start: number): number {
    const found = this.extents.find((extent) => extent.start <= start && start < extent.start + extent.count);
    return found ? found.start + found.count - start : 0;
  }

  /** Takes blocks that are known to be free. */
  take(start: number, count: number): void {
    const at = this.extents.findIndex((extent) => extent.start <= start && start < extent.start + extent.count);
    const whole = this.extents[at]!;
    const before = { start: whole.start, count: start - whole.start };
    const after = { start: start + count, count: whole.start + whole.count - start - count };
    this.extents.splice(at, 1, ...[before, after].filter((extent) => extent.count > 0));
  }

  /** Start of the smallest free extent with `count` blocks. */
  smallest(count: number): number | undefined {
    return this.bySize().find((extent) => extent.count >= count)?.start;
  }

  /** Start of the free blocks closest to the wanted one; of two at one distance, those in the longer extent. */
  near(request: NearRequest): number | undefined {
    let best: { readonly start: number; readonly distance: number } | undefined;
    for (const extent of this.bySize()) {
      const start = nearestIn(extent, request);
      if (start === undefined) continue;
      const distance = Math.abs(start - request.wanted);
      if (!best || distance <= best.distance) best = { start, distance };
      if (distance === 0) break;
    }
    return best?.start;
  }
}

/** The best start within one free extent (xfs_alloc_compute_diff); alignment moves it up only, and is for blocks that lie ahead. */
function nearestIn({ start, count }: FreeExtent, request: NearRequest): number | undefined {
  const { wanted, count: need, alignment = 1, contents = false } = request;
  const first = alignUp(start, alignment);
  const end = start + count;
  if (end - first < need) return undefined;
  if (first >= wanted || (contents && end < wanted + need)) return first;
  return alignment > 1 ? first : Math.min(wanted, end - need);
}
