import { array, bytes, constant, struct, u8, u16le, u32le } from "../../bytes/struct.ts";

/** Bytes before the partition slots, which boot code may use (UEFI 2.10 table 5.1; the disk signature is part of them). */
export const BOOT_CODE_BYTES = 446;
export const SLOTS = 4;

/** One partition slot; CHS addresses are head, sector with the cylinder's high bits, cylinder (UEFI 2.10 table 5.2). */
export const partitionSlot = struct(
  { name: "mbr partition", size: 16 },
  {
    status: u8,
    chsFirst: bytes(3),
    type: u8,
    chsLast: bytes(3),
    firstLba: u32le,
    sectors: u32le,
  },
);

/** Master boot record, the first 512 bytes of a disk (UEFI 2.10 table 5.1). */
export const masterBootRecord = struct(
  { name: "mbr", size: 512 },
  {
    bootCode: bytes(BOOT_CODE_BYTES),
    partitions: array(partitionSlot, SLOTS),
    signature: constant(u16le, 0xaa55),
  },
);

/** From a byte up to another one. */
export type ByteRange = readonly [from: number, to: number];
/** What a protective MBR changes on a disk: the first slot and the signature (outputs.md 2.4). */
export const PROTECTIVE_FIELDS: readonly ByteRange[] = [
  [BOOT_CODE_BYTES, BOOT_CODE_BYTES + partitionSlot.size],
  [510, 512],
];

/** Type of the slot that covers a GPT disk (UEFI 2.10, 5.2.3). */
export const TYPE_PROTECTIVE = 0xee;
/** CHS of LBA 1 and "beyond CHS" in the protective slot (UEFI 2.10 table 5.4; outputs.md 2.4). */
export const PROTECTIVE_CHS_FIRST = Uint8Array.of(0x00, 0x02, 0x00);
export const PROTECTIVE_CHS_LAST = Uint8Array.of(0xff, 0xff, 0xff);
/** Cylinders that a CHS address can name. */
export const CHS_CYLINDERS = 1024;
