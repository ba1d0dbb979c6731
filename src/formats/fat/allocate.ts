import { FAT_CHAIN_END, FIRST_CLUSTER } from "./layout.ts";
import { FatError } from "./model.ts";

/** Hands out clusters in ascending order and remembers the chains they form. */
export class ClusterMap {
  readonly #clusters: number;
  readonly #runs: { readonly first: number; readonly count: number }[] = [];
  readonly #links: { readonly from: number; readonly to: number }[] = [];
  #next = FIRST_CLUSTER;

  /** `clusters` is the number of data clusters of the volume. */
  constructor(clusters: number) {
    this.#clusters = clusters;
  }

  /** Number of the last cluster handed out. */
  get last(): number {
    return this.#next - 1;
  }

  get free(): number {
    return this.#clusters - (this.#next - FIRST_CLUSTER);
  }

  /** Takes `count` neighbouring clusters as one chain and gives the first. Throws `no_space`, naming `path`. */
  take(count: number, path: string): number {
    if (count > this.free) {
      throw new FatError(
        "no_space",
        `fat: ${path}: needs ${count} clusters, ${this.free} of ${this.#clusters} are free`,
      );
    }
    const first = this.#next;
    this.#next += count;
    this.#runs.push({ first, count });
    return first;
  }

  /** Takes one cluster and hangs it behind `tail`, the last cluster of a chain. */
  extend(tail: number, path: string): number {
    const to = this.take(1, path);
    this.#links.push({ from: tail, to });
    return to;
  }

  /**
   * The file allocation table up to the last cluster handed out, one element of 28 bits per entry;
   * those behind it are free, that is zero. The first repeats `media`, the byte of the boot sector.
   */
  entries(media: number): Uint32Array {
    const entries = new Uint32Array(this.#next);
    entries[0] = 0x0fffff00 | media;
    entries[1] = FAT_CHAIN_END;
    for (const { first, count } of this.#runs) {
      const end = first + count - 1;
      for (let cluster = first; cluster < end; cluster++) entries[cluster] = cluster + 1;
      entries[end] = FAT_CHAIN_END;
    }
    for (const { from, to } of this.#links) entries[from] = to;
    return entries;
  }
}
