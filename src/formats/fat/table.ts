import { inline, type Placement } from "../../extents/index.ts";
import type { FatGeometry } from "./geometry.ts";
import { FAT_COPIES, FAT32_ENTRY_BYTES } from "./layout.ts";

/** Entries of 28 bits as FAT32 writes them: 4 bytes each (FAT spec 1.03, "FAT Data Structure"). */
export function pack32(entries: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(entries.length * FAT32_ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  // Hundreds of thousands of them on the event loop: an iterator of pairs took 30 ms, this takes one.
  for (let cluster = 0; cluster < entries.length; cluster++) {
    view.setUint32(cluster * FAT32_ENTRY_BYTES, entries[cluster]!, true);
  }
  return bytes;
}

/** The low 12 bits of each entry as FAT12 writes them: two in three bytes, low half first (same section). */
export function pack12(entries: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(entries.length * 1.5));
  for (const [cluster, value] of entries.entries()) {
    const at = Math.floor(cluster * 1.5);
    const shifted = (value & 0xfff) << (cluster % 2 ? 4 : 0);
    bytes[at] = bytes[at]! | (shifted & 0xff);
    bytes[at + 1] = shifted >> 8;
  }
  return bytes;
}

/** All copies of the file allocation table in their places. */
export function tableParts(geometry: FatGeometry, table: Uint8Array): readonly Placement[] {
  return Array.from({ length: FAT_COPIES }, (_, copy) => ({
    offset: (geometry.reservedSectors + copy * geometry.fatSectors) * geometry.sectorSize,
    content: inline(table),
  }));
}
