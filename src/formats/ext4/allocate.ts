import type { Geometry, Run } from "./geometry.ts";

/**
 * Hands out the free blocks of a volume in ascending order. When they end it goes on behind the volume's end, so that a
 * caller sees by `end` how much room was missing.
 */
export class FreeBlocks {
  readonly #gaps: readonly Run[];
  #gap = 0;
  #used = 0;

  /** `metadata` is ascending and disjoint; block numbers start at the first data block. */
  constructor({ firstDataBlock, blocks }: Geometry, metadata: readonly Run[]) {
    const gaps: Run[] = [];
    let at = firstDataBlock;
    for (const { first, count } of [...metadata, { first: blocks, count: 0 }]) {
      if (first > at) gaps.push({ first: at, count: first - at });
      at = first + count;
    }
    this.#gaps = [...gaps, { first: blocks, count: Number.POSITIVE_INFINITY }];
  }

  /** Every block below this one is in use. */
  get end(): number {
    return this.#gaps[this.#gap]!.first + this.#used;
  }

  /** The next `count` blocks. */
  take(count: number): readonly Run[] {
    const runs: Run[] = [];
    for (let left = count; left > 0; ) {
      const gap = this.#gaps[this.#gap]!;
      const part = Math.min(left, gap.count - this.#used);
      if (part > 0) runs.push({ first: gap.first + this.#used, count: part });
      left -= part;
      this.#used += part;
      if (this.#used === gap.count) {
        this.#gap++;
        this.#used = 0;
      }
    }
    return runs;
  }
}
