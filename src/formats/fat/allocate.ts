import { FAT_CHAIN_END, FAT_ENTRY_BYTES, FAT_MEDIA_ENTRY, FAT_ROOT_END, ROOT_CLUSTER } from "./layout.ts";
import { FatError } from "./model.ts";

/** Hands out clusters in ascending order and remembers the chains they form. */
export class ClusterMap {
  readonly #clusters: number;
  readonly #runs: { readonly first: number; readonly count: number }[] = [];
  readonly #links: { readonly from: number; readonly to: number }[] = [];
  #next = ROOT_CLUSTER;

  /** `clusters` is the number of data clusters of the volume. */
  constructor(clusters: number) {
    this.#clusters = clusters;
  }

  /** Number of the last cluster handed out. */
  get last(): number {
    return this.#next - 1;
  }

  get free(): number {
    return this.#clusters - (this.#next - ROOT_CLUSTER);
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

  /** The used head of the file allocation table; entries behind it are free, that is zero. */
  table(): Uint8Array {
    const bytes = new Uint8Array(this.#next * FAT_ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    const set = (cluster: number, value: number): void => view.setUint32(cluster * FAT_ENTRY_BYTES, value, true);
    set(0, FAT_MEDIA_ENTRY);
    set(1, FAT_CHAIN_END);
    for (const { first, count } of this.#runs) {
      const end = first + count - 1;
      for (let cluster = first; cluster < end; cluster++) set(cluster, cluster + 1);
      set(end, FAT_CHAIN_END);
    }
    set(ROOT_CLUSTER, FAT_ROOT_END);
    for (const { from, to } of this.#links) set(from, to);
    return bytes;
  }
}
