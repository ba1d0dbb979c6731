// Virtual Hard Disk Image Format Specification 1.0; all numbers are big-endian.
import { MiB } from "../../bytes/align.ts";
import { ascii, bytes, constant, flags64be, struct, u8, u16be, u32be, u64be, zeros } from "../../bytes/struct.ts";

export const SECTOR_BYTES = 512;

/** "Data Offset" of a fixed disk, and of the dynamic header, which nothing follows. */
export const NO_OFFSET = 2n ** 64n - 1n;

/** 2000-01-01T00:00:00Z, where time stamps begin, in seconds since 1970. */
export const TIMESTAMP_BASE = 946_684_800;

export const DISK_TYPES = { fixed: 2, dynamic: 3 } as const;

export const GEOMETRY = struct({ name: "vhd geometry", size: 4 }, { cylinders: u16be, heads: u8, sectors: u8 });

export const FOOTER = struct(
  { name: "vhd footer", size: 512 },
  {
    cookie: constant(ascii(8), "conectix"),
    /** The reserved bit, which is always set. */
    features: constant(u32be, 2),
    version: constant(u32be, 0x00010000),
    dataOffset: flags64be,
    timestamp: u32be,
    creator: ascii(4),
    /** What qemu-img writes. */
    creatorVersion: constant(u32be, 0x00050003),
    creatorHost: constant(ascii(4), "Wi2k"),
    originalSize: u64be,
    currentSize: u64be,
    geometry: GEOMETRY,
    diskType: u32be,
    checksum: u32be,
    id: bytes(16),
    savedState: constant(u8, 0),
    reserved: zeros(427),
  },
);

export const DYNAMIC_HEADER = struct(
  { name: "vhd dynamic header", size: 1024 },
  {
    cookie: constant(ascii(8), "cxsparse"),
    dataOffset: constant(flags64be, NO_OFFSET),
    tableOffset: u64be,
    version: constant(u32be, 0x00010000),
    tableEntries: u32be,
    blockBytes: u32be,
    checksum: u32be,
    parent: zeros(984),
  },
);

/** The default block size; its bitmap, a bit for each sector, is one sector. */
export const BLOCK_BYTES = 2 * MiB;
export const BITMAP_BYTES = BLOCK_BYTES / SECTOR_BYTES / 8;

/** Block allocation table: the sector of each block, or none. */
export const TABLE_ENTRY = u32be;
export const NO_BLOCK = 0xff;

/** Largest disk: 2040 GiB, in sectors. */
export const MAX_SECTORS = 0xff000000;
