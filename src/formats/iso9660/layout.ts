import {
  array,
  ascii,
  bytes,
  constant,
  type Field,
  struct,
  u8,
  u16be,
  u16le,
  u32be,
  u32le,
  zeros,
} from "../../bytes/struct.ts";

/** Logical block of the file system in bytes; also the sector of the medium (ECMA-119, 6.1.2). */
export const BLOCK_BYTES = 2048;
/** Sector of partition tables and of El Torito's load sizes, on disks and CDs alike. */
export const SECTOR_BYTES = 512;
export const SECTORS_PER_BLOCK = BLOCK_BYTES / SECTOR_BYTES;
/** First volume descriptor of a view; the blocks before it are the system area (ECMA-119, 6.2.1). */
export const DESCRIPTOR_BLOCK = 16;
/** Longest file identifier of interchange level 2 and 3 without dot and version, and directory identifier (ECMA-119, 7.5, 7.6, 10.2). */
export const MAX_FILE_IDENTIFIER = 30;
export const MAX_DIRECTORY_IDENTIFIER = 31;
/** Directory numbers are 16-bit (ECMA-119, 9.4.4). */
export const MAX_DIRECTORIES = 0xffff;
/** Bytes of one file section: the largest whole number of blocks that a 32-bit size holds (ECMA-119, 9.1.4). */
export const MAX_SECTION_BYTES = 0xfffff800;
/** A directory record's length is one byte, and even (ECMA-119, 9.1.1, 9.1.12). */
export const MAX_RECORD_BYTES = 254;

/** File flags (ECMA-119, 9.1.6). */
export const FLAG_DIRECTORY = 0x02;
export const FLAG_MORE_SECTIONS = 0x80;

/** A number in both byte orders (ECMA-119, 7.2.3 and 7.3.3). */
function both(little: Field<number>, big: Field<number>): Field<number> {
  return {
    size: little.size + big.size,
    write(view, at, value) {
      little.write(view, at, value);
      big.write(view, at + little.size, value);
    },
    read: (view, at) => little.read(view, at),
  };
}
const both16 = both(u16le, u16be);
const both32 = both(u32le, u32be);
const text = (size: number): Field<string> => ascii(size, 0x20);

/** Directory record up to the identifier (ECMA-119, 9.1). */
export const directoryRecord = struct(
  { name: "iso9660 directory record", size: 33 },
  {
    recordBytes: u8,
    attributeBlocks: constant(u8, 0),
    extentBlock: both32,
    dataBytes: both32,
    recorded: bytes(7),
    flags: u8,
    unitBlocks: constant(u8, 0),
    gapBlocks: constant(u8, 0),
    volumeSequence: constant(both16, 1),
    identifierBytes: u8,
  },
);
/** The root's record in a descriptor: one identifier byte of zero (ECMA-119, 8.4.18). */
const ROOT_RECORD_BYTES = directoryRecord.size + 1;

/** What every descriptor starts with (ECMA-119, 8.1). */
const descriptorHead = (type: number) => ({
  type: constant(u8, type),
  identifier: constant(ascii(5), "CD001"),
  version: constant(u8, 1),
});

/** Primary volume descriptor (ECMA-119, 8.4). */
export const primaryDescriptor = struct(
  { name: "iso9660 primary volume descriptor", size: BLOCK_BYTES },
  {
    ...descriptorHead(1),
    unused1: zeros(1),
    systemId: constant(text(32), ""),
    volumeId: text(32),
    unused2: zeros(8),
    volumeBlocks: both32,
    unused3: zeros(32),
    setSize: constant(both16, 1),
    sequence: constant(both16, 1),
    blockBytes: constant(both16, BLOCK_BYTES),
    pathTableBytes: both32,
    pathTableLittle: u32le,
    optionalLittle: constant(u32le, 0),
    pathTableBig: u32be,
    optionalBig: constant(u32be, 0),
    root: bytes(ROOT_RECORD_BYTES),
    volumeSetId: text(128),
    publisherId: constant(text(128), ""),
    preparerId: text(128),
    applicationId: constant(text(128), ""),
    copyrightFile: constant(text(37), ""),
    abstractFile: constant(text(37), ""),
    bibliographicFile: constant(text(37), ""),
    created: bytes(17),
    modified: bytes(17),
    expires: bytes(17),
    effective: bytes(17),
    structureVersion: constant(u8, 1),
    unused4: zeros(1),
    applicationUse: constant(text(512), ""),
    reserved: zeros(653),
  },
);

/** Volume descriptor set terminator (ECMA-119, 8.3). */
export const terminator = struct(
  { name: "iso9660 terminator", size: BLOCK_BYTES },
  { ...descriptorHead(255), reserved: zeros(2041) },
);

/** El Torito boot record (El Torito 1.0, figure 7). */
export const bootRecord = struct(
  { name: "el torito boot record", size: BLOCK_BYTES },
  {
    ...descriptorHead(0),
    system: constant(ascii(32), "EL TORITO SPECIFICATION"),
    unused: zeros(32),
    catalogBlock: u32le,
    unused2: zeros(1973),
  },
);

/** Platform ids (El Torito 1.0, figure 2; 0xEF: UEFI 2.10, 13.3.2). */
export const PLATFORM_BIOS = 0x00;
export const PLATFORM_EFI = 0xef;

/** First catalog entry (El Torito 1.0, figure 2). */
export const validationEntry = struct(
  { name: "el torito validation entry", size: 32 },
  {
    header: constant(u8, 1),
    platform: u8,
    reserved: zeros(2),
    id: constant(ascii(24), ""),
    checksum: u16le,
    key: constant(u16le, 0xaa55),
  },
);

/** Initial and section entries without emulation (El Torito 1.0, figures 3 and 5). */
export const bootEntry = struct(
  { name: "el torito boot entry", size: 32 },
  {
    bootable: constant(u8, 0x88),
    media: constant(u8, 0),
    loadSegment: constant(u16le, 0),
    systemType: constant(u8, 0),
    unused: zeros(1),
    loadSectors: u16le,
    block: u32le,
    criteria: zeros(20),
  },
);

/** Section header; `more` in all but the last (El Torito 1.0, figure 4). */
export const SECTION_MORE = 0x90;
export const SECTION_LAST = 0x91;
export const sectionHeader = struct(
  { name: "el torito section header", size: 32 },
  { indicator: u8, platform: u8, entries: u16le, id: constant(ascii(28), "") },
);

/** Where the boot info table stands in a boot image, and where its checksum begins (mkisofs, "EL TORITO BOOT INFORMATION TABLE"). */
export const BOOT_INFO_OFFSET = 8;
export const BOOT_INFO_SUM_OFFSET = 64;
export const bootInfoTable = struct(
  { name: "el torito boot info table", size: 56 },
  {
    descriptorBlock: constant(u32le, DESCRIPTOR_BLOCK),
    imageBlock: u32le,
    imageBytes: u32le,
    checksum: u32le,
    reserved: zeros(40),
  },
);

/** Path table records up to the identifier, in both byte orders (ECMA-119, 9.4). */
export const pathRecords = {
  little: struct(
    { name: "iso9660 path table record", size: 8 },
    { identifierBytes: u8, attributeBlocks: constant(u8, 0), block: u32le, parent: u16le },
  ),
  big: struct(
    { name: "iso9660 path table record", size: 8 },
    { identifierBytes: u8, attributeBlocks: constant(u8, 0), block: u32be, parent: u16be },
  ),
} as const;

/** What every system use entry starts with (SUSP 1.10, 4.1). */
const useHead = (signature: string, length: Field<number> | Field<number | undefined>) => ({
  signature: constant(ascii(2), signature),
  length,
  version: constant(u8, 1),
});

/** Says that the entries are there (SUSP 1.10, 5.3). */
export const useSp = struct(
  { name: "susp SP", size: 7 },
  { ...useHead("SP", constant(u8, 7)), check: constant(u16be, 0xbeef), skip: constant(u8, 0) },
);
/** Continuation area (SUSP 1.10, 5.1). */
export const useCe = struct(
  { name: "susp CE", size: 28 },
  { ...useHead("CE", constant(u8, 28)), block: both32, offset: both32, bytes: both32 },
);
/** Extension reference, followed by its three texts (SUSP 1.10, 5.5). */
export const useEr = struct(
  { name: "susp ER", size: 8 },
  { ...useHead("ER", u8), idBytes: u8, descriptorBytes: u8, sourceBytes: u8, extensionVersion: constant(u8, 1) },
);
/** Mode, links and owner (RRIP 1.10, 4.1.1); owner and group are always 0. */
export const usePx = struct(
  { name: "rrip PX", size: 36 },
  {
    ...useHead("PX", constant(u8, 36)),
    mode: both32,
    links: both32,
    uid: constant(both32, 0),
    gid: constant(both32, 0),
  },
);
/** Modification, access and attribute change time (RRIP 1.10, 4.1.6). */
export const useTf = struct(
  { name: "rrip TF", size: 26 },
  { ...useHead("TF", constant(u8, 26)), flags: constant(u8, 0x0e), times: array(bytes(7), 3) },
);
/** Real name, or a piece of it (RRIP 1.10, 4.1.4). */
export const NM_CONTINUES = 0x01;
export const useNm = struct({ name: "rrip NM", size: 5 }, { ...useHead("NM", u8), flags: u8 });
/** Target of a symbolic link, or a part of it: component records follow (RRIP 1.10, 4.1.3). */
export const SL_CONTINUES = 0x01;
export const useSl = struct({ name: "rrip SL", size: 5 }, { ...useHead("SL", u8), flags: u8 });
/** What a component record says in front of its text (RRIP 1.10, 4.1.3.1). */
export const COMPONENT_CONTINUES = 0x01;
export const COMPONENT_CURRENT = 0x02;
export const COMPONENT_PARENT = 0x04;
export const COMPONENT_ROOT = 0x08;
export const slComponent = struct({ name: "rrip SL component", size: 2 }, { flags: u8, textBytes: u8 });

/** The texts of the ER entry, word for word as RRIP 1.10, 4.3 asks. */
export const RRIP_ID = "RRIP_1991A";
export const RRIP_DESCRIPTOR = "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS";
export const RRIP_SOURCE =
  "PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.";

/** File types in a POSIX mode (RRIP 1.10, 4.1.1). */
export const MODE_DIRECTORY = 0o040000;
export const MODE_FILE = 0o100000;
export const MODE_LINK = 0o120000;
