/** What firmware and boot loaders look for on an ISO, read from its bytes after El Torito 1.0 and the PC's partition tables. */
import assert from "node:assert/strict";
import { type BlobReader, type Recipe, read } from "../../src/extents/index.ts";

const BLOCK = 2048;
const RECORD_BLOCK = 17;
const ENTRY_BYTES = 32;
const SECTION_HEADERS = [0x90, 0x91];
const LAST_SECTION = 0x91;
const BOOTABLE = 0x88;

/** An entry of the boot catalog. */
export interface FoundBootEntry {
  readonly platform: number;
  readonly bootable: boolean;
  readonly emulation: number;
  readonly loadSegment: number;
  readonly systemType: number;
  readonly loadSectors: number;
  readonly block: number;
}

function entryAt(catalog: Buffer, at: number, platform: number): FoundBootEntry {
  return {
    platform,
    bootable: catalog[at] === BOOTABLE,
    emulation: catalog[at + 1]!,
    loadSegment: catalog.readUInt16LE(at + 2),
    systemType: catalog[at + 4]!,
    loadSectors: catalog.readUInt16LE(at + 6),
    block: catalog.readUInt32LE(at + 8),
  };
}

/** The boot catalog that the boot record names, checked for its own checksum (El Torito 1.0, figures 2 to 5 and 7). */
export async function readBootCatalog(image: Recipe, blobs: BlobReader) {
  const record = Buffer.from(await read(image, blobs, RECORD_BLOCK * BLOCK, BLOCK));
  assert.equal(record.toString("latin1", 1, 39).replace(/\0+$/, ""), "CD001\x01EL TORITO SPECIFICATION");
  const block = record.readUInt32LE(0x47);
  const catalog = Buffer.from(await read(image, blobs, block * BLOCK, BLOCK));
  const words = Array.from({ length: ENTRY_BYTES / 2 }, (_, i) => catalog.readUInt16LE(2 * i));
  assert.equal(words.reduce((sum, word) => sum + word, 0) & 0xffff, 0);
  assert.deepEqual([catalog[0], catalog[30], catalog[31]], [1, 0x55, 0xaa]);
  const entries = [entryAt(catalog, ENTRY_BYTES, catalog[1]!)];
  for (let at = 2 * ENTRY_BYTES; SECTION_HEADERS.includes(catalog[at]!); ) {
    const [indicator, platform] = catalog.subarray(at);
    const count = catalog.readUInt16LE(at + 2);
    for (let i = 1; i <= count; i++) entries.push(entryAt(catalog, at + i * ENTRY_BYTES, platform!));
    at += (1 + count) * ENTRY_BYTES;
    if (indicator === LAST_SECTION) break;
  }
  return { block, entries };
}

/** A slot of an MBR that is in use. */
export interface FoundSlot {
  /** From 1 on. */
  readonly slot: number;
  readonly status: number;
  readonly type: number;
  /** Head, sector and cylinder, as they are packed. */
  readonly chsStart: string;
  readonly chsEnd: string;
  readonly startLba: number;
  readonly sectors: number;
}

/** The used slots of an MBR. */
export function mbrSlots(sector: Uint8Array): readonly FoundSlot[] {
  const mbr = Buffer.from(sector);
  assert.equal(mbr.readUInt16LE(510), 0xaa55);
  return [446, 462, 478, 494]
    .map((at, i) => ({
      slot: i + 1,
      status: mbr[at]!,
      type: mbr[at + 4]!,
      chsStart: mbr.toString("hex", at + 1, at + 4),
      chsEnd: mbr.toString("hex", at + 5, at + 8),
      startLba: mbr.readUInt32LE(at + 8),
      sectors: mbr.readUInt32LE(at + 12),
    }))
    .filter(({ type }) => type !== 0);
}

/** A sector number as heads and sectors per track pack it. */
export function chsOf(lba: number, { heads, sectors }: { readonly heads: number; readonly sectors: number }): string {
  const cylinder = Math.floor(lba / (heads * sectors));
  const head = Math.floor(lba / sectors) % heads;
  const bytes = [head, (lba % sectors) + 1 + ((cylinder >> 8) << 6), cylinder & 0xff];
  return Buffer.from(bytes).toString("hex");
}

/** Which tables a BIOS boot image holds that tell it where it stands: mkisofs's boot info, and GRUB's. */
export function bootImageTables(image: Uint8Array, block: number): readonly string[] {
  const bytes = Buffer.from(image);
  if (bytes.length < 0x9fc) return [];
  let sum = 0;
  const words = Buffer.concat([bytes.subarray(64), Buffer.alloc(3)]);
  for (let at = 0; at + 4 <= words.length; at += 4) sum = (sum + words.readUInt32LE(at)) >>> 0;
  const info = [8, 12, 16, 20].map((at) => bytes.readUInt32LE(at));
  const isInfo = Buffer.from(Uint32Array.from(info).buffer).equals(
    Buffer.from(Uint32Array.from([16, block, bytes.length, sum]).buffer),
  );
  const isGrub = bytes.readBigUInt64LE(0x9f4) === BigInt(block * 4 + 5);
  return [...(isInfo ? ["boot-info-table"] : []), ...(isGrub ? ["grub2-boot-info"] : [])];
}
