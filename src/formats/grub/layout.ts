/** Records of GRUB's core images and of the ELF files they are made from. All little-endian. */
import { bytes, constant, flags64le, struct, u8, u16le, u32be, u32le, u64le, zeros } from "../../bytes/struct.ts";

/** First bytes of every ELF file (System V ABI, "ELF Identification"). */
export const ELF_IDENTIFICATION = struct(
  { name: "elf identification", size: 16 },
  { magic: u32be, class: u8, data: u8, version: u8, padding: zeros(9) },
);
/** `\x7fELF`. */
export const ELF_MAGIC = 0x7f454c46;
/** ELFDATA2LSB. */
export const ELF_LITTLE_ENDIAN = 1;

/** The end of the ELF header, the same in both classes (System V ABI, "ELF Header"). */
const HEADER_END = {
  flags: u32le,
  headerSize: u16le,
  programHeaderSize: u16le,
  programHeaderCount: u16le,
  sectionHeaderSize: u16le,
  sectionHeaderCount: u16le,
  sectionNames: u16le,
} as const;

/** ELF header and section header of the 32-bit class (System V ABI, "ELF Header", "Sections"). */
export const ELF32 = {
  class: 1,
  header: struct(
    { name: "elf header", size: 52 },
    {
      identification: ELF_IDENTIFICATION,
      type: u16le,
      machine: u16le,
      fileVersion: u32le,
      entry: u32le,
      programHeaders: u32le,
      sectionHeaders: u32le,
      ...HEADER_END,
    },
  ),
  section: struct(
    { name: "elf section", size: 40 },
    {
      name: u32le,
      type: u32le,
      flags: u32le,
      address: u32le,
      offset: u32le,
      size: u32le,
      link: u32le,
      info: u32le,
      alignment: u32le,
      entrySize: u32le,
    },
  ),
} as const;

/** The same of the 64-bit class ("ELF-64 Object File Format" 1.5, figures 2 and 4). */
export const ELF64 = {
  class: 2,
  header: struct(
    { name: "elf header", size: 64 },
    {
      identification: ELF_IDENTIFICATION,
      type: u16le,
      machine: u16le,
      fileVersion: u32le,
      entry: u64le,
      programHeaders: u64le,
      sectionHeaders: u64le,
      ...HEADER_END,
    },
  ),
  section: struct(
    { name: "elf section", size: 64 },
    {
      name: u32le,
      type: u32le,
      flags: u64le,
      address: u64le,
      offset: u64le,
      size: u64le,
      link: u32le,
      info: u32le,
      alignment: u64le,
      entrySize: u64le,
    },
  ),
} as const;

/** EM_386, EM_X86_64 and EM_AARCH64 (kernel: include/uapi/linux/elf-em.h). */
export const ELF_MACHINE = { i386: 3, x86_64: 62, arm64: 183 } as const;
/** SHT_PROGBITS, SHT_SYMTAB, SHT_RELA and SHT_NOBITS (ELF-64, table 8). */
export const SECTION_TYPE = { program: 1, symbols: 2, relocations: 4, empty: 8 } as const;
/** SHF_ALLOC and SHF_EXECINSTR (ELF-64, table 9). */
export const SECTION_FLAG = { allocated: 2, executable: 4 } as const;

/** Symbol table entry (ELF-64, figure 6). */
export const ELF64_SYMBOL = struct(
  { name: "elf symbol", size: 24 },
  { name: u32le, info: u8, other: u8, section: u16le, value: u64le, size: u64le },
);
/** SHN_UNDEF and SHN_ABS (ELF-64, table 7). */
export const SYMBOL_UNDEFINED = 0;
export const SYMBOL_ABSOLUTE = 0xfff1;

/** Relocation with addend (ELF-64, figure 8): `info` on disk is the type, then the symbol. The addend is signed. */
export const ELF64_RELOCATION = struct(
  { name: "elf relocation", size: 24 },
  { offset: u64le, type: u32le, symbol: u32le, addend: flags64le },
);

/** `gmim` (GRUB: include/grub/kernel.h, GRUB_MODULE_MAGIC). */
const MODULE_MAGIC = 0x676d696d;
/** Head of the module area in 32-bit and in 64-bit images (include/grub/kernel.h, struct grub_module_info32 and 64). */
export const MODULE_INFO_32 = struct(
  { name: "grub_module_info32", size: 12 },
  { magic: constant(u32le, MODULE_MAGIC), offset: u32le, size: u32le },
);
export const MODULE_INFO_64 = struct(
  { name: "grub_module_info64", size: 24 },
  { magic: constant(u32le, MODULE_MAGIC), padding: zeros(4), offset: u64le, size: u64le },
);
/** Head of each object in the area; `size` counts this head too (struct grub_module_header). */
export const MODULE_HEADER = struct({ name: "grub_module_header", size: 8 }, { type: u32le, size: u32le });
/** OBJ_TYPE_ELF, OBJ_TYPE_CONFIG and OBJ_TYPE_PREFIX (include/grub/kernel.h). */
export const OBJECT_TYPE = { module: 0, config: 2, prefix: 3 } as const;

/** First bytes of lzma_decompress.img (GRUB: grub-core/boot/i386/pc/startup_raw.S, include/grub/offsets.h). */
export const DECOMPRESSOR_HEAD = struct(
  { name: "lzma_decompress.img", size: 0x18 },
  {
    jump: bytes(8),
    compressedSize: u32le,
    uncompressedSize: u32le,
    /** Bytes of redundancy behind the image: set by grub-install when it embeds one, never by grub-mkimage. */
    reedSolomonRedundancy: u32le,
    /** Bytes in front that no redundancy covers, 0xFFFF for "no redundancy at all". */
    noReedSolomonLength: u16le,
    padding: bytes(2),
  },
);

/** diskboot.img: its code, room for block lists and the first list (GRUB: grub-core/boot/i386/pc/diskboot.S). */
export const DISKBOOT = struct(
  { name: "diskboot.img", size: 512 },
  {
    code: bytes(0x1f4),
    /** LBA of the sector behind this one. */
    start: flags64le,
    /** Sectors to load. */
    length: u16le,
    /** Where to: a real-mode segment. */
    segment: u16le,
  },
);
/** 0x8200, behind the first sector at 0x8000 (include/grub/offsets.h, GRUB_BOOT_I386_PC_KERNEL_SEG). */
export const LOAD_SEGMENT = 0x820;

/** boot.img up to the partition table (GRUB: include/grub/i386/pc/boot.h). */
export const BOOT = struct(
  { name: "boot.img", size: 446 },
  {
    jump: bytes(0x5c),
    /** LBA of the first sector of the core image. */
    kernelSector: flags64le,
    /** 0xFF: the drive the firmware booted from. */
    bootDrive: u8,
    padding: u8,
    /** A jump over the check of the drive number; two NOPs let the check run. */
    driveCheck: u16le,
    code: bytes(0x1b8 - 0x68),
    /** Where MBRs keep the disk signature. */
    signature: bytes(6),
  },
);
export const NOP_NOP = 0x9090;

/** Addresses of the i386-pc platform (include/grub/offsets.h; limits: util/mkimage.c). */
export const PC = {
  /** GRUB_KERNEL_I386_PC_LINK_ADDR: where kernel.img is linked to, and the decompressor must end before. */
  linkAddress: 0x9000,
  decompressorAddress: 0x8200,
  /** The image as loaded ends below this. */
  loadLimit: 0x78000,
  /** Kernel with BSS ends below this. */
  kernelLimit: 0x68000,
} as const;

/** Start of a DOS program that prints a line and ends, as linkers put it ("PE Format", "MS-DOS Stub"). */
export const DOS_HEADER_REST = [0x90, 3, 0, 4, 0, 0xffff, 0, 0xb8, 0, 0, 0, 0x40] as const;
/** push cs; pop ds; mov dx, 14; mov ah, 9; int 33; mov ax, 0x4c01; int 33. */
export const DOS_PROGRAM = [
  0x0e, 0x1f, 0xba, 0x0e, 0x00, 0xb4, 0x09, 0xcd, 0x21, 0xb8, 0x01, 0x4c, 0xcd, 0x21,
] as const;
export const DOS_MESSAGE = "This program cannot be run in DOS mode.\r\r\n$";
/** GRUB_PE32_MSDOS_STUB_SIZE. */
export const PE_OFFSET = 0x80;

/** Machine types ("PE Format", "Machine Types"). */
export const PE_MACHINE = { x86_64: 0x8664, arm64: 0xaa64 } as const;
/** Executable; line numbers, local symbols and debugging information stripped ("PE Format", "Characteristics"). */
export const PE_CHARACTERISTICS = 0x0002 | 0x0004 | 0x0008 | 0x0200;
/** IMAGE_SUBSYSTEM_EFI_APPLICATION and IMAGE_DLLCHARACTERISTICS_NX_COMPAT ("PE Format"). */
export const PE_SUBSYSTEM_EFI = 10;
export const PE_NX_COMPATIBLE = 0x100;
/** 2015-01-01 (GRUB: util/mkimage.c, STABLE_EMBEDDING_TIMESTAMP). */
export const PE_TIMESTAMP = 1420070400;
/** Stack and heap, reserved and committed, in bytes (util/mkimage.c). */
export const PE_STACK_AND_HEAP = [0x10000n, 0x10000n, 0x10000n, 0x10000n] as const;
/** Alignment of sections in memory and in the file: a page (GRUB: include/grub/efi/pe32.h). */
export const PE_PAGE = 0x1000;
/** Place of the base relocation table among the data directories ("PE Format", "Optional Header Data Directories"). */
export const PE_BASE_RELOCATION_DIRECTORY = 5;
/** "PE Format", "Section Flags". */
export const PE_SECTION = {
  code: 0x20,
  discardable: 0x0200_0000,
  executable: 0x2000_0000,
  writable: 0x8000_0000,
} as const;

/** Head of a block of base relocations ("PE Format", "Base Relocation Block"). */
export const FIXUP_BLOCK = struct({ name: "base relocation block", size: 8 }, { page: u32le, size: u32le });
/** IMAGE_REL_BASED_DIR64, in the upper four bits of an entry. */
export const FIXUP_64 = 10 << 12;
