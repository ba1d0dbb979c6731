import { ascii, bytes, constant, flags64le, struct, u32le, u64le, zeros } from "../../bytes/struct.ts";

/** Entries in a table and their size (UEFI 2.10, 5.3.2; the usual minimum). */
export const ENTRY_COUNT = 128;
export const ENTRY_BYTES = 128;
/** UTF-16 units of a partition name (UEFI 2.10 table 5.6). */
export const NAME_UNITS = 36;
/** Where the primary header stands, and its entry array when no offset moves it (UEFI 2.10, 5.3.1). */
export const PRIMARY_LBA = 1;
export const PRIMARY_ENTRIES_LBA = 2;

/** GPT header; GUIDs are mixed-endian (UEFI 2.10 table 5.5). */
export const gptHeader = struct(
  { name: "gpt header", size: 92 },
  {
    signature: constant(ascii(8), "EFI PART"),
    revision: constant(u32le, 0x00010000),
    headerBytes: constant(u32le, 92),
    headerCrc: u32le,
    reserved: zeros(4),
    ownLba: u64le,
    otherLba: u64le,
    firstUsableLba: u64le,
    lastUsableLba: u64le,
    diskGuid: bytes(16),
    entriesLba: u64le,
    entryCount: constant(u32le, ENTRY_COUNT),
    entryBytes: constant(u32le, ENTRY_BYTES),
    entriesCrc: u32le,
  },
);

/** Partition entry (UEFI 2.10 table 5.6). */
export const gptEntry = struct(
  { name: "gpt entry", size: ENTRY_BYTES },
  {
    type: bytes(16),
    guid: bytes(16),
    firstLba: u64le,
    lastLba: u64le,
    attributes: flags64le,
    name: bytes(NAME_UNITS * 2),
  },
);
