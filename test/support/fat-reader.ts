import { bootSector, fsInfo, longSlot, shortSlot } from "../../src/formats/fat/layout.ts";

/** What the reader finds about one entry; `path` starts with a slash. */
export interface FatFound {
  readonly path: string;
  readonly short: string;
  readonly attributes: number;
  readonly caseBits: number;
  readonly date: number;
  readonly time: number;
  readonly clusters: readonly number[];
  readonly bytes: Uint8Array;
}

/** A plain FAT32 reader for tests, written against the specification, not against the writer. */
export class FatReader {
  readonly image: Uint8Array;
  readonly boot: ReturnType<typeof bootSector.decode>;

  constructor(image: Uint8Array) {
    this.image = image;
    this.boot = bootSector.decode(image);
  }

  /** FSInfo of sector 1, or its copy behind the backup boot sector. */
  info(copy = false): ReturnType<typeof fsInfo.decode> {
    return fsInfo.decode(this.image, (copy ? 7 : 1) * this.boot.bytesPerSector);
  }

  /** One of the two tables. */
  table(copy: number): Uint8Array {
    const { reservedSectors, sectorsPerFat32, bytesPerSector } = this.boot;
    const start = (reservedSectors + copy * sectorsPerFat32) * bytesPerSector;
    return this.image.subarray(start, start + sectorsPerFat32 * bytesPerSector);
  }

  entry(cluster: number): number {
    const table = this.table(0);
    return new DataView(table.buffer, table.byteOffset).getUint32(cluster * 4, true) & 0x0fffffff;
  }

  chain(first: number): number[] {
    const clusters: number[] = [];
    for (let at = first; at >= 2 && at < 0x0ffffff8; at = this.entry(at)) clusters.push(at);
    return clusters;
  }

  body(clusters: readonly number[]): Uint8Array {
    const { reservedSectors, sectorsPerFat32, bytesPerSector, sectorsPerCluster } = this.boot;
    const size = sectorsPerCluster * bytesPerSector;
    const data = (reservedSectors + 2 * sectorsPerFat32) * bytesPerSector;
    const out = new Uint8Array(clusters.length * size);
    for (const [i, cluster] of clusters.entries()) {
      const from = data + (cluster - 2) * size;
      out.set(this.image.subarray(from, from + size), i * size);
    }
    return out;
  }

  /** All entries in directory order, depth-first, without `.`, `..` and the label. */
  *walk(folder = "", first = 2): Generator<FatFound> {
    const slots = this.body(this.chain(first));
    let long = "";
    for (let at = 0; at < slots.length && slots[at] !== 0; at += 32) {
      const slot = shortSlot.decode(slots, at);
      if (slot.attributes === 0x0f) {
        const { units1, units2, units3 } = longSlot.decode(slots, at);
        long = String.fromCharCode(...units1, ...units2, ...units3).replace(/\0.*$/su, "") + long;
        continue;
      }
      const name = long || visibleName(slot.name, slot.caseBits);
      long = "";
      if (slot.attributes & 0x08 || slot.name === "." || slot.name === "..") continue;
      const cluster = slot.clusterHigh * 65536 + slot.clusterLow;
      const clusters = this.chain(cluster);
      const directory = (slot.attributes & 0x10) !== 0;
      const path = `${folder}/${name}`;
      const body = this.body(clusters);
      yield {
        path,
        short: slot.name,
        attributes: slot.attributes,
        caseBits: slot.caseBits,
        clusters,
        date: slot.modifiedDate,
        time: slot.modifiedTime,
        bytes: directory ? body : body.subarray(0, slot.sizeBytes),
      };
      if (directory) yield* this.walk(path, cluster);
    }
  }
}

function visibleName(short: string, caseBits: number): string {
  const base = short.slice(0, 8).trimEnd();
  const extension = short.slice(8).trimEnd();
  const shown = caseBits & 0x08 ? base.toLowerCase() : base;
  return extension ? `${shown}.${caseBits & 0x10 ? extension.toLowerCase() : extension}` : shown;
}
