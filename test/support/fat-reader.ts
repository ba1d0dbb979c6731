import { bootSector32, fsInfo, longSlot, shortSlot } from "../../src/formats/fat/layout.ts";

/** What the reader finds about one entry; `path` starts with a slash. */
export interface FatFound {
  readonly path: string;
  readonly short: string;
  /** It has a long name beside the short one. */
  readonly long: boolean;
  readonly attributes: number;
  readonly caseBits: number;
  /** Of the last change. */
  readonly date: number;
  readonly time: number;
  readonly createdDate: number;
  readonly createdTime: number;
  readonly accessedDate: number;
  readonly clusters: readonly number[];
  readonly bytes: Uint8Array;
}

/** Attributes (FAT spec 1.03, "FAT Directory Structure"). */
const LABEL = 0x08;
const DIRECTORY = 0x10;
const LONG_NAME = 0x0f;

/** A plain reader of FAT32 and FAT12 for tests, written against the specification, not against the writer. */
export class FatReader {
  readonly image: Uint8Array;
  /** With FAT12 only what stands before `sectorsPerFat32` is meant. */
  readonly boot: ReturnType<typeof bootSector32.decode>;
  readonly #fat12: boolean;
  readonly #tableBytes: number;
  /** Byte offset of the root area of FAT12; it is empty in FAT32. */
  readonly #rootOffset: number;

  constructor(image: Uint8Array) {
    this.image = image;
    this.boot = bootSector32.decode(image);
    const { reservedSectors, sectorsPerFat16, sectorsPerFat32, bytesPerSector } = this.boot;
    this.#fat12 = sectorsPerFat16 !== 0;
    this.#tableBytes = (sectorsPerFat16 || sectorsPerFat32) * bytesPerSector;
    this.#rootOffset = reservedSectors * bytesPerSector + 2 * this.#tableBytes;
  }

  /** FSInfo of sector 1, or its copy behind the backup boot sector. */
  info(copy = false): ReturnType<typeof fsInfo.decode> {
    return fsInfo.decode(this.image, (copy ? 7 : 1) * this.boot.bytesPerSector);
  }

  /** One of the two tables. */
  table(copy: number): Uint8Array {
    const start = this.#rootOffset - (2 - copy) * this.#tableBytes;
    return this.image.subarray(start, start + this.#tableBytes);
  }

  entry(cluster: number): number {
    const table = this.table(0);
    const view = new DataView(table.buffer, table.byteOffset);
    if (!this.#fat12) return view.getUint32(cluster * 4, true) & 0x0fffffff;
    const pair = view.getUint16(cluster + (cluster >> 1), true);
    return cluster & 1 ? pair >> 4 : pair & 0xfff;
  }

  chain(first: number): number[] {
    const end = this.#fat12 ? 0xff8 : 0x0ffffff8;
    const clusters: number[] = [];
    for (let at = first; at >= 2 && at < end; at = this.entry(at)) clusters.push(at);
    return clusters;
  }

  body(clusters: readonly number[]): Uint8Array {
    const { bytesPerSector, sectorsPerCluster, rootEntries } = this.boot;
    const size = sectorsPerCluster * bytesPerSector;
    const data = this.#rootOffset + rootEntries * 32;
    const out = new Uint8Array(clusters.length * size);
    for (const [i, cluster] of clusters.entries()) {
      const from = data + (cluster - 2) * size;
      out.set(this.image.subarray(from, from + size), i * size);
    }
    return out;
  }

  root(): Uint8Array {
    if (!this.#fat12) return this.body(this.chain(2));
    return this.image.subarray(this.#rootOffset, this.#rootOffset + this.boot.rootEntries * 32);
  }

  /** Clusters that are not free, among those the volume has. */
  usedClusters(clusters: number): number {
    let used = 0;
    for (let cluster = 2; cluster < clusters + 2; cluster++) if (this.entry(cluster) !== 0) used++;
    return used;
  }

  /** The entry that names the volume. */
  label(): FatFound | undefined {
    for (const found of this.#entries("", this.root())) if (found.attributes & LABEL) return found;
    return undefined;
  }

  /** All entries in directory order, depth-first, without `.`, `..` and the label. */
  *walk(folder = "", slots = this.root()): Generator<FatFound> {
    for (const found of this.#entries(folder, slots)) {
      if (found.attributes & LABEL || found.short === "." || found.short === "..") continue;
      yield found;
      if (found.attributes & DIRECTORY) yield* this.walk(found.path, found.bytes);
    }
  }

  *#entries(folder: string, slots: Uint8Array): Generator<FatFound> {
    let long = "";
    for (let at = 0; at < slots.length && slots[at] !== 0; at += 32) {
      const slot = shortSlot.decode(slots, at);
      if (slot.attributes === LONG_NAME) {
        const { units1, units2, units3 } = longSlot.decode(slots, at);
        long = String.fromCharCode(...units1, ...units2, ...units3).replace(/\0.*$/su, "") + long;
        continue;
      }
      const { name: short, modifiedDate: date, modifiedTime: time, clusterHigh, clusterLow, sizeBytes, ...rest } = slot;
      const clusters = this.chain(clusterHigh * 65536 + clusterLow);
      const body = this.body(clusters);
      const bytes = slot.attributes & DIRECTORY ? body : body.subarray(0, sizeBytes);
      const path = `${folder}/${long || visibleName(short, slot.caseBits)}`;
      yield { ...rest, path, short, long: long !== "", date, time, clusters, bytes };
      long = "";
    }
  }
}

function visibleName(short: string, caseBits: number): string {
  const base = short.slice(0, 8).trimEnd();
  const extension = short.slice(8).trimEnd();
  const shown = caseBits & 0x08 ? base.toLowerCase() : base;
  return extension ? `${shown}.${caseBits & 0x10 ? extension.toLowerCase() : extension}` : shown;
}
