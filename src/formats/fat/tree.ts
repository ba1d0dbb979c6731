import { compareText, concatBytes } from "../../bytes/text.ts";
import { inline, type Placement } from "../../extents/index.ts";
import { ClusterMap } from "./allocate.ts";
import type { FatGeometry } from "./geometry.ts";
import { ATTRIBUTE_ARCHIVE, ATTRIBUTE_DIRECTORY, ATTRIBUTE_READ_ONLY, ROOT_CLUSTER, SLOT_BYTES } from "./layout.ts";
import {
  checkName,
  type FatEntry,
  FatError,
  type FatStamp,
  MAX_DEPTH,
  MAX_DIRECTORY_SLOTS,
  MAX_FILE_BYTES,
} from "./model.ts";
import { storedNames } from "./names.ts";
import { dotSlots, entrySlots, labelSlot, type SlotTarget, slotCount } from "./slots.ts";

/** The clusters a directory has so far, and its slots. */
interface OpenDirectory {
  /** Path with a slash at the end, for messages. */
  readonly path: string;
  readonly chain: number[];
  readonly slots: Uint8Array[];
}

/** Places a tree into clusters: sequential and depth-first, a directory growing at the moment it overflows (outputs.md 2.8). */
export class TreeWriter {
  readonly clusters: ClusterMap;
  /** Directory and file bodies at byte offsets of the volume. */
  readonly parts: Placement[] = [];
  readonly #geometry: FatGeometry;
  readonly #stamp: FatStamp;

  constructor(geometry: FatGeometry, stamp: FatStamp) {
    this.#geometry = geometry;
    this.#stamp = stamp;
    this.clusters = new ClusterMap(geometry.clusters);
  }

  /** Writes the whole tree; to be called once. */
  writeRoot(label: string, tree: readonly FatEntry[]): void {
    const root = { path: "/", chain: [this.clusters.take(1, "/")], slots: [labelSlot(label)] };
    this.#fill(root, tree, 0);
  }

  #fill(directory: OpenDirectory, entries: readonly FatEntry[], depth: number): void {
    if (depth > MAX_DEPTH)
      throw new FatError("too_deep", `fat: ${directory.path}: deeper than ${MAX_DEPTH} directories`);
    const sorted = entries.toSorted((a, b) => compareText(a.name, b.name));
    for (const { name } of sorted) checkName(name, directory.path + name);
    const names = storedNames(
      sorted.map((entry) => entry.name),
      directory.path,
    );
    for (const [i, entry] of sorted.entries()) {
      const stored = names[i]!;
      this.#grow(directory, slotCount(entry.name, stored));
      const target = this.#writeEntry(directory, entry, depth);
      directory.slots.push(...entrySlots(entry.name, stored, target));
    }
    this.#close(directory);
  }

  /** Makes room for `count` more slots before what they point to is allocated, as copying tools do. */
  #grow(directory: OpenDirectory, count: number): void {
    const slots = directory.slots.length + count;
    if (slots > MAX_DIRECTORY_SLOTS) {
      throw new FatError("directory_too_large", `fat: ${directory.path}: needs more than ${MAX_DIRECTORY_SLOTS} slots`);
    }
    while (slots * SLOT_BYTES > directory.chain.length * this.#geometry.clusterBytes) {
      directory.chain.push(this.clusters.extend(directory.chain.at(-1)!, directory.path));
    }
  }

  #writeEntry(parent: OpenDirectory, entry: FatEntry, depth: number): SlotTarget {
    const path = parent.path + entry.name;
    const stamp = this.#stamp;
    if (entry.$case === "directory") {
      const own = this.clusters.take(1, path);
      const up = parent.chain[0] === ROOT_CLUSTER ? 0 : parent.chain[0]!;
      this.#fill({ path: `${path}/`, chain: [own], slots: [...dotSlots(own, up, stamp)] }, entry.children, depth + 1);
      return { attributes: ATTRIBUTE_DIRECTORY, stamp, cluster: own, sizeBytes: 0 };
    }
    const sizeBytes = entry.content.size;
    if (sizeBytes > MAX_FILE_BYTES) {
      throw new FatError("file_too_large", `fat: ${path}: ${sizeBytes} bytes are more than ${MAX_FILE_BYTES}`);
    }
    const attributes = entry.readOnly ? ATTRIBUTE_ARCHIVE | ATTRIBUTE_READ_ONLY : ATTRIBUTE_ARCHIVE;
    if (sizeBytes === 0) return { attributes, stamp, cluster: 0, sizeBytes };
    const cluster = this.clusters.take(Math.ceil(sizeBytes / this.#geometry.clusterBytes), path);
    this.parts.push({ offset: this.#offsetOf(cluster), content: entry.content });
    return { attributes, stamp, cluster, sizeBytes };
  }

  #close(directory: OpenDirectory): void {
    const { clusterBytes } = this.#geometry;
    const bytes = concatBytes(...directory.slots);
    for (const [i, cluster] of directory.chain.entries()) {
      const part = bytes.subarray(i * clusterBytes, (i + 1) * clusterBytes);
      this.parts.push({ offset: this.#offsetOf(cluster), content: inline(part) });
    }
  }

  #offsetOf(cluster: number): number {
    return this.#geometry.dataOffset + (cluster - ROOT_CLUSTER) * this.#geometry.clusterBytes;
  }
}
