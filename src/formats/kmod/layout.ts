import { bytes, struct, u8, u16le, u32be, u32le, u64le, zeros } from "../../bytes/struct.ts";

/** First bytes of every ELF file (System V ABI, "ELF Identification"). */
export const elfIdentification = struct(
  { name: "elf identification", size: 16 },
  { magic: u32be, class: u8, data: u8, version: u8, padding: zeros(9) },
);

/** ELF-64 header ("ELF-64 Object File Format" 1.5, figure 2). */
export const elfHeader = struct(
  { name: "elf header", size: 64 },
  {
    identification: elfIdentification,
    type: u16le,
    machine: u16le,
    fileVersion: u32le,
    entry: zeros(8),
    programHeaders: u64le,
    sectionHeaders: u64le,
    flags: u32le,
    headerSize: u16le,
    programHeaderSize: u16le,
    programHeaderCount: u16le,
    sectionHeaderSize: u16le,
    sectionHeaderCount: u16le,
    sectionNames: u16le,
  },
);

/** `\x7fELF`. */
export const ELF_MAGIC = 0x7f454c46;
/** ELFCLASS64 and ELFDATA2LSB of the identification. */
export const ELF_CLASS_64 = 2;
export const ELF_LITTLE_ENDIAN = 1;
/** EM_X86_64 and EM_AARCH64 (kernel: include/uapi/linux/elf-em.h). */
export const ELF_MACHINES: ReadonlySet<number> = new Set([62, 183]);

/** Section header (ELF-64 figure 4). Addresses and flags are of no use here. */
export const sectionHeader = struct(
  { name: "elf section", size: 64 },
  {
    name: u32le,
    type: u32le,
    flags: zeros(8),
    address: zeros(8),
    offset: u64le,
    size: u64le,
    link: u32le,
    info: u32le,
    alignment: zeros(8),
    entrySize: zeros(8),
  },
);

/** Symbol table entry (ELF-64 figure 6). Values are of no use here. */
export const symbolEntry = struct(
  { name: "elf symbol", size: 24 },
  { name: u32le, info: u8, other: u8, section: u16le, value: zeros(8), size: zeros(8) },
);

/** Section index of a symbol that is not defined in this file (SHN_UNDEF). */
export const UNDEFINED_SECTION = 0;

/** One entry of `__versions` (kernel: include/linux/module.h, struct modversion_info of 64-bit machines). */
export const versionEntry = struct({ name: "modversion_info", size: 64 }, { crc: zeros(8), name: bytes(56) });

/** Sections with what depmod wants to know (kernel: scripts/mod/modpost.c). */
export const SECTIONS = {
  modinfo: ".modinfo",
  strings: ".strtab",
  symbols: ".symtab",
  versions: "__versions",
  exportNames: "__ksymtab_strings",
} as const;

/** Symbols that carry the version of an exported one (kernel: include/linux/export.h). */
export const VERSION_PREFIX = "__crc_";

/** Head of an index file (kmod: libkmod/libkmod-index.c): numbers are big-endian. */
export const indexHeader = struct({ name: "kmod index", size: 12 }, { magic: u32be, version: u32be, root: u32be });

export const INDEX_MAGIC = 0xb007f457;
/** Version 2.1 as major << 16 | minor. */
export const INDEX_VERSION = 0x00020001;

/** What a node has, in the upper bits of every reference to it; the lower 28 are its offset (libkmod-index.c). */
export const NODE_FLAGS = { prefix: 0x80000000, values: 0x40000000, children: 0x20000000 } as const;
export const NODE_OFFSET_LIMIT = 0x10000000;
