import { alignUp } from "../../bytes/align.ts";
import { concat, dataRuns, type Extent, extentsIn, inline, padTo, type Recipe, recipe } from "../../extents/index.ts";
import { geometryHolding, LARGEST, sectorsOf } from "./geometry.ts";
import {
  BITMAP_BYTES,
  BLOCK_BYTES,
  DISK_TYPES,
  DYNAMIC_HEADER,
  FOOTER,
  MAX_SECTORS,
  NO_BLOCK,
  NO_OFFSET,
  SECTOR_BYTES,
  TABLE_ENTRY,
  TIMESTAMP_BASE,
} from "./layout.ts";
import { VhdError, type VhdOptions } from "./model.ts";

/** A raw disk as a VHD image; its bytes stay slices. Throws `vhd_too_large` above 2040 GiB. */
export function vhdImage(disk: Recipe, options: VhdOptions): Recipe {
  const sectors = Math.ceil(disk.size / SECTOR_BYTES);
  const geometry = options.forceSize ? LARGEST : geometryHolding(sectors);
  const exact = options.forceSize || sectorsOf(geometry) === sectorsOf(LARGEST);
  const size = (exact ? sectors : sectorsOf(geometry)) * SECTOR_BYTES;
  if (size > MAX_SECTORS * SECTOR_BYTES) {
    throw new VhdError("vhd_too_large", `disk of ${disk.size} bytes: a VHD holds at most 2040 GiB`);
  }
  const footer = checked((checksum) =>
    FOOTER.encode({
      dataOffset: options.subformat === "fixed" ? NO_OFFSET : BigInt(FOOTER.size),
      timestamp: Math.max(0, options.mtime - TIMESTAMP_BASE),
      // How qemu tells, when it reads an image, that the size counts and not the geometry.
      creator: options.forceSize ? "qem2" : "qemu",
      originalSize: size,
      currentSize: size,
      geometry,
      diskType: DISK_TYPES[options.subformat],
      checksum,
      id: options.id,
    }),
  );
  const padded = padTo(disk, size);
  return options.subformat === "fixed" ? concat(padded, inline(footer)) : dynamic(padded, footer);
}

/** A record with the one's complement of the sum of its bytes in its checksum field, which counts as zero. */
function checked(encode: (checksum: number) => Uint8Array): Uint8Array {
  const sum = encode(0).reduce((total, byte) => total + byte, 0);
  return encode(~sum >>> 0);
}

/** A copy of the footer, the dynamic header, the table, the blocks with data, and the footer. */
function dynamic(disk: Recipe, footer: Uint8Array): Recipe {
  const tableEntries = Math.ceil(disk.size / BLOCK_BYTES);
  const tableOffset = FOOTER.size + DYNAMIC_HEADER.size;
  const header = checked((checksum) =>
    DYNAMIC_HEADER.encode({ tableOffset, tableEntries, blockBytes: BLOCK_BYTES, checksum }),
  );
  const table = new Uint8Array(alignUp(tableEntries * TABLE_ENTRY.size, SECTOR_BYTES)).fill(NO_BLOCK);
  const view = new DataView(table.buffer);
  const bitmap = new Uint8Array(BITMAP_BYTES).fill(0xff);
  const padded = padTo(disk, tableEntries * BLOCK_BYTES);
  const blocks: Extent[] = [];
  let offset = tableOffset + table.length;
  for (const { first, count } of dataRuns(disk, BLOCK_BYTES)) {
    for (let block = first; block < first + count; block++) {
      TABLE_ENTRY.write(view, block * TABLE_ENTRY.size, offset / SECTOR_BYTES);
      blocks.push({ $case: "inline", bytes: bitmap }, ...extentsIn(padded, block * BLOCK_BYTES, BLOCK_BYTES));
      offset += BITMAP_BYTES + BLOCK_BYTES;
    }
  }
  return concat(inline(footer), inline(header), inline(table), recipe(blocks), inline(footer));
}
