import { array, ascii, bytes, constant, struct, u8, u16le, u32le, zeros } from "../../bytes/struct.ts";

/** Sector numbers within a volume, and the reserved area's length before it is rounded up to whole clusters; outputs.md 2.8 and Microsoft FAT specification 1.03, "Boot Sector and BPB". */
export const MIN_RESERVED_SECTORS = 32;
export const FSINFO_SECTOR = 1;
export const BACKUP_BOOT_SECTOR = 6;
export const FAT_COPIES = 2;
/** Number of the first data cluster (FAT spec 1.03, "FAT Data Structure"). */
export const FIRST_CLUSTER = 2;
/** Where the root directory of a FAT32 volume starts (FAT spec 1.03, "BPB_RootClus"). */
export const ROOT_CLUSTER = FIRST_CLUSTER;

/** Media bytes (FAT spec 1.03, "BPB_Media"); the first FAT entry repeats them. */
export const MEDIA_FIXED = 0xf8;
export const MEDIA_REMOVABLE = 0xf0;

/** FAT entry values (FAT spec 1.03, "FAT Data Structure"); FAT12 has their low 12 bits. */
export const FAT32_ENTRY_BYTES = 4;
export const FAT_CHAIN_END = 0x0fffffff;
/** The end mark mkfs.fat gives the root of FAT32 (outputs.md 2.8). */
export const FAT_ROOT_END = 0x0ffffff8;

/** Directory entry attributes (FAT spec 1.03, "FAT Directory Structure"). */
export const ATTRIBUTE_READ_ONLY = 0x01;
export const ATTRIBUTE_VOLUME_LABEL = 0x08;
export const ATTRIBUTE_DIRECTORY = 0x10;
export const ATTRIBUTE_ARCHIVE = 0x20;
const ATTRIBUTE_LONG_NAME = 0x0f;

/** Bits of byte 12: the base or extension of a short name is shown in lower case (Windows NT, outputs.md 2.8). */
export const LOWER_CASE_BASE = 0x08;
export const LOWER_CASE_EXTENSION = 0x10;

export const SLOT_BYTES = 32;
/** UTF-16 units in one long-name slot (FAT spec 1.03, "Long Directory Entries"). */
export const LONG_NAME_UNITS = 13;
export const LONG_NAME_LAST = 0x40;
const SHORT_NAME_BYTES = 11;

/** Time stamp of the volume label entry in invariant mode, 2015-03-14 09:26:52 (outputs.md 2.8). */
export const LABEL_DATE = 0x466e;
export const LABEL_TIME = 0x4b5a;

const BOOT_SECTOR_BYTES = 512;

/** The fields from byte 11 on that all boot sectors have (FAT spec 1.03, "Boot Sector and BPB"). */
const parameters = {
  bytesPerSector: u16le,
  sectorsPerCluster: u8,
  reservedSectors: u16le,
  fats: constant(u8, FAT_COPIES),
  rootEntries: u16le,
  totalSectors16: u16le,
  media: u8,
  sectorsPerFat16: u16le,
  sectorsPerTrack: u16le,
  heads: u16le,
  hiddenSectors: constant(u32le, 0),
  totalSectors32: u32le,
};

/** The fields in front of the boot code, at different offsets in FAT12 and FAT32 (same section). */
const extension = {
  driveNumber: u8,
  reserved1: zeros(1),
  bootSignature: constant(u8, 0x29),
  volumeId: u32le,
  label: ascii(SHORT_NAME_BYTES, 0x20),
  fsType: ascii(8, 0x20),
};

/** FAT32 boot sector and its copy (FAT spec 1.03, "Boot Sector and BPB"; constants from outputs.md 2.8). */
export const bootSector32 = struct(
  { name: "fat32 boot sector", size: BOOT_SECTOR_BYTES },
  {
    jump: constant(bytes(3), Uint8Array.of(0xeb, 0x58, 0x90)),
    oemName: constant(ascii(8), "mkfs.fat"),
    ...parameters,
    sectorsPerFat32: u32le,
    extFlags: constant(u16le, 0),
    version: constant(u16le, 0),
    rootCluster: constant(u32le, ROOT_CLUSTER),
    fsInfoSector: constant(u16le, FSINFO_SECTOR),
    backupBootSector: constant(u16le, BACKUP_BOOT_SECTOR),
    reserved: zeros(12),
    ...extension,
    bootCode: bytes(420),
    signature: constant(u16le, 0xaa55),
  },
);

/** FAT12 boot sector (FAT spec 1.03, "Boot Sector and BPB"; the name is that of mtools 4.0.32, as the reference has it). */
export const bootSector12 = struct(
  { name: "fat12 boot sector", size: BOOT_SECTOR_BYTES },
  {
    jump: constant(bytes(3), Uint8Array.of(0xeb, 0x3c, 0x90)),
    oemName: constant(ascii(8), "MTOO4032"),
    ...parameters,
    ...extension,
    bootCode: bytes(448),
    signature: constant(u16le, 0xaa55),
  },
);

/** FSInfo sector (FAT spec 1.03, "FAT32 FSInfo Sector Structure"). */
export const fsInfo = struct(
  { name: "fat32 fsinfo", size: 512 },
  {
    lead: constant(u32le, 0x41615252),
    reserved: zeros(480),
    signature: constant(u32le, 0x61417272),
    freeClusters: u32le,
    lastAllocated: u32le,
    reserved2: zeros(12),
    trail: constant(u32le, 0xaa550000),
  },
);

/** Short directory entry (FAT spec 1.03, "FAT Directory Structure"). */
export const shortSlot = struct(
  { name: "fat directory entry", size: SLOT_BYTES },
  {
    name: ascii(SHORT_NAME_BYTES, 0x20),
    attributes: u8,
    caseBits: u8,
    createdTenths: constant(u8, 0),
    createdTime: u16le,
    createdDate: u16le,
    accessedDate: u16le,
    clusterHigh: u16le,
    modifiedTime: u16le,
    modifiedDate: u16le,
    clusterLow: u16le,
    sizeBytes: u32le,
  },
);

/** Long-name slot (FAT spec 1.03, "Long Directory Entries"); the 13 units lie in three runs. */
export const longSlot = struct(
  { name: "fat long name entry", size: SLOT_BYTES },
  {
    order: u8,
    units1: array(u16le, 5),
    attributes: constant(u8, ATTRIBUTE_LONG_NAME),
    type: constant(u8, 0),
    checksum: u8,
    units2: array(u16le, 6),
    cluster: constant(u16le, 0),
    units3: array(u16le, 2),
  },
);
