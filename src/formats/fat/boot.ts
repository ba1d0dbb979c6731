import { utf8 } from "../../bytes/text.ts";
import type { FatGeometry } from "./geometry.ts";

/** The boot sector's fields that say the sizes of a volume, but for its tables. */
export function sizeFields(geometry: FatGeometry) {
  const { sectorSize, sectorsPerCluster, sectorsPerTrack, heads, totalSectors, reservedSectors } = geometry;
  const small = totalSectors <= 0xffff;
  return {
    bytesPerSector: sectorSize,
    sectorsPerCluster,
    reservedSectors,
    sectorsPerTrack,
    heads,
    totalSectors16: small ? totalSectors : 0,
    totalSectors32: small ? 0 : totalSectors,
  };
}

/** Where a BIOS loads the boot sector. */
const LOAD_ADDRESS = 0x7c00;
const CODE_BYTES = 24;
const MESSAGE = "This volume holds no BIOS boot loader.\r\n";

/** What a BIOS runs when it boots the volume: prints one line through int 10h and halts. Takes the offsets of a boot sector's fields. */
export function bootCode(offsets: { readonly bootCode: number; readonly signature: number }): Uint8Array {
  const message = LOAD_ADDRESS + offsets.bootCode + CODE_BYTES;
  const code = new Uint8Array(offsets.signature - offsets.bootCode);
  code.set([
    ...[0x31, 0xc0], // xor ax, ax
    ...[0x8e, 0xd8], // mov ds, ax
    ...[0xbe, message & 0xff, message >> 8], // mov si, message
    0xac, // next: lodsb
    ...[0x84, 0xc0], // test al, al
    ...[0x74, 0x09], // jz stop
    ...[0xb4, 0x0e], // mov ah, 0x0e
    ...[0xbb, 0x07, 0x00], // mov bx, 7
    ...[0xcd, 0x10], // int 0x10
    ...[0xeb, 0xf2], // jmp next
    0xf4, // stop: hlt
    ...[0xeb, 0xfd], // jmp stop
    ...utf8(MESSAGE),
  ]);
  return code;
}
