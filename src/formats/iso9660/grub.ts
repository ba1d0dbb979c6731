import { u64le } from "../../bytes/struct.ts";
import { inline, type Recipe } from "../../extents/index.ts";
import { BOOT_INFO_OFFSET, BOOT_INFO_SUM_OFFSET, bootInfoTable, SECTOR_BYTES, SECTORS_PER_BLOCK } from "./layout.ts";
import { IsoError } from "./model.ts";

/** Where GRUB's images hold a sector number, and what it counts from the El Torito image's first (outputs.md 3.5). */
const BOOT_SECTOR_POINTER = { offset: 0x1b0, add: 4 } as const;
const BOOT_IMAGE_POINTER = { offset: 0x9f4, add: 5 } as const;
/** Real mode reaches no further, and what is patched is held in memory. */
const MAX_BOOT_IMAGE_BYTES = 1024 * 1024;

function refuse(reason: string): never {
  throw new IsoError("boot_entry_invalid", `iso9660 grub: ${reason}`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** GRUB's hybrid boot sector (512 bytes) told where the El Torito image is. Throws `boot_entry_invalid`. */
export function grubBootSector(sector: Uint8Array, imageBlock: number): Uint8Array {
  if (sector.length !== SECTOR_BYTES) refuse(`a boot sector of ${sector.length} bytes`);
  const out = sector.slice();
  u64le.write(viewOf(out), BOOT_SECTOR_POINTER.offset, imageBlock * SECTORS_PER_BLOCK + BOOT_SECTOR_POINTER.add);
  return out;
}

/** The bytes of a recipe without blobs. */
function heldBytes(image: Recipe): Uint8Array {
  const bytes = new Uint8Array(image.size);
  for (const [i, extent] of image.extents.entries()) {
    if (extent.$case === "blob") refuse("the boot image is not held in memory");
    if (extent.$case === "inline") bytes.set(extent.bytes, image.starts[i]!);
  }
  return bytes;
}

/** Sum of the little-endian 32-bit words from `from`; the last one is filled up with zeros. */
function wordSum(bytes: Uint8Array, from: number): number {
  let sum = 0;
  for (let at = from; at < bytes.length; at++) sum = (sum + (bytes[at]! << (8 * (at % 4)))) >>> 0;
  return sum;
}

/**
 * GRUB's El Torito image with the boot info table and its own place patched in, for an image that begins
 * at `imageBlock` (outputs.md 3.5). Throws `boot_entry_invalid` when it is too short, larger than 1 MiB or
 * made of blobs.
 */
export function grubBootImage(image: Recipe, imageBlock: number): Recipe {
  const { offset, add } = BOOT_IMAGE_POINTER;
  if (image.size < offset + u64le.size || image.size > MAX_BOOT_IMAGE_BYTES) {
    refuse(`a boot image of ${image.size} bytes`);
  }
  const bytes = heldBytes(image);
  u64le.write(viewOf(bytes), offset, imageBlock * SECTORS_PER_BLOCK + add);
  const checksum = wordSum(bytes, BOOT_INFO_SUM_OFFSET);
  bytes.set(bootInfoTable.encode({ imageBlock, imageBytes: image.size, checksum }), BOOT_INFO_OFFSET);
  return inline(bytes);
}
