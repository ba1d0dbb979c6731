import { compareText, concatBytes } from "../../bytes/text.ts";
import { inline, type Placement } from "../../extents/index.ts";
import { ClusterMap } from "./allocate.ts";
import type { FatGeometry } from "./geometry.ts";
import { ATTRIBUTE_ARCHIVE, ATTRIBUTE_DIRECTORY, ATTRIBUTE_READ_ONLY, FIRST_CLUSTER, SLOT_BYTES } from "./layout.ts";
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

/** Where a directory's slots go: into a chain of clusters that grows, or into the root area of FAT12, at a byte offset. */
type DirectoryPlace =
  | { readonly $case: "chain"; readonly clusters: number[] }
  | { readonly $case: "area"; readonly offset: number; readonly maxSlots: number };

/** A directory that is being filled. */
interface OpenDirectory {
  /** Path with a slash at the end, for messages. */
  readonly path: string;
  readonly place: DirectoryPlace;
  /** What `..` in its subdirectories points to: its first cluster, 0 for the root (outputs.md 2.8). */
  readonly link: number;
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

  /** Writes the whole tree into a root of clusters, behind the label's entry. Either this or `writeArea` is called, once. */
  writeChain(label: string, tree: readonly FatEntry[]): void {
    const place: DirectoryPlace = { $case: "chain", clusters: [this.clusters.take(1, "/")] };
    this.#fill({ path: "/", place, link: 0, slots: [labelSlot(label)] }, tree, 0);
  }

  /** Writes the whole tree into a root of `maxSlots` slots at byte `offset`. */
  writeArea(offset: number, maxSlots: number, tree: readonly FatEntry[]): void {
    this.#fill({ path: "/", place: { $case: "area", offset, maxSlots }, link: 0, slots: [] }, tree, 0);
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
  #grow({ path, place, slots }: OpenDirectory, count: number): void {
    const needed = slots.length + count;
    const limit = place.$case === "area" ? place.maxSlots : MAX_DIRECTORY_SLOTS;
    if (needed > limit) throw new FatError("directory_too_large", `fat: ${path}: needs more than ${limit} slots`);
    if (place.$case === "area") return;
    while (needed * SLOT_BYTES > place.clusters.length * this.#geometry.clusterBytes) {
      place.clusters.push(this.clusters.extend(place.clusters.at(-1)!, path));
    }
  }

  #writeEntry(parent: OpenDirectory, entry: FatEntry, depth: number): SlotTarget {
    const path = parent.path + entry.name;
    const stamp = this.#stamp;
    if (entry.$case === "directory") {
      const own = this.clusters.take(1, path);
      const place: DirectoryPlace = { $case: "chain", clusters: [own] };
      const slots = [...dotSlots(own, parent.link, stamp)];
      this.#fill({ path: `${path}/`, place, link: own, slots }, entry.children, depth + 1);
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

  #close({ place, slots }: OpenDirectory): void {
    const { clusterBytes } = this.#geometry;
    const bytes = concatBytes(...slots);
    if (place.$case === "area") {
      this.parts.push({ offset: place.offset, content: inline(bytes) });
      return;
    }
    for (const [i, cluster] of place.clusters.entries()) {
      const part = bytes.subarray(i * clusterBytes, (i + 1) * clusterBytes);
      this.parts.push({ offset: this.#offsetOf(cluster), content: inline(part) });
    }
  }

  #offsetOf(cluster: number): number {
    return this.#geometry.dataOffset + (cluster - FIRST_CLUSTER) * this.#geometry.clusterBytes;
  }
}
