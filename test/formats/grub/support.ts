import type { GrubFiles } from "../../../src/formats/grub/index.ts";
import {
  ELF_MACHINE,
  ELF_MAGIC,
  ELF32,
  ELF64,
  ELF64_RELOCATION,
  ELF64_SYMBOL,
  SECTION_FLAG,
  SECTION_TYPE,
} from "../../../src/formats/grub/layout.ts";

type Header = Parameters<(typeof ELF64)["header"]["encode"]>[0];
type SectionHeader = Parameters<(typeof ELF64)["section"]["encode"]>[0];

/** A section to put into a kernel: its body, or for sections without one, its size in `header`. */
export interface Section {
  readonly name: string;
  readonly header: Partial<SectionHeader>;
  readonly bytes?: Uint8Array;
}

export const CODE = { type: SECTION_TYPE.program, flags: SECTION_FLAG.allocated | SECTION_FLAG.executable };
export const DATA = { type: SECTION_TYPE.program, flags: SECTION_FLAG.allocated };
export const BSS = { type: SECTION_TYPE.empty, flags: SECTION_FLAG.allocated };

/** An ELF file with these sections; number 0 is the empty one that every table begins with. */
export function elfFile(
  elf: typeof ELF32 | typeof ELF64,
  machine: number,
  sections: readonly Section[],
  change: Partial<Header> = {},
): Buffer {
  const empty: SectionHeader = {
    ...{ name: 0, type: 0, flags: 0, address: 0, offset: 0 },
    ...{ size: 0, link: 0, info: 0, alignment: 1, entrySize: 0 },
  };
  const headers: Uint8Array[] = [elf.section.encode(empty)];
  let at: number = elf.header.size;
  for (const { header, bytes = new Uint8Array(0) } of sections) {
    headers.push(elf.section.encode({ ...empty, offset: at, size: bytes.length, ...header }));
    at += bytes.length;
  }
  const head = elf.header.encode({
    identification: { magic: ELF_MAGIC, class: elf.class, data: 1, version: 1 },
    ...{ type: 1, machine, fileVersion: 1, entry: 0, programHeaders: 0, sectionHeaders: at, flags: 0 },
    ...{ headerSize: elf.header.size, programHeaderSize: 0, programHeaderCount: 0 },
    ...{ sectionHeaderSize: elf.section.size, sectionHeaderCount: headers.length, sectionNames: 0 },
    ...change,
  });
  return Buffer.concat([head, ...sections.map(({ bytes }) => bytes ?? new Uint8Array(0)), ...headers]);
}

/** A kernel for BIOS machines: code, a gap of two bytes, data, and BSS behind. */
export function biosKernel(sections?: readonly Section[]): Buffer {
  const usual: readonly Section[] = [
    { name: ".text", header: { ...CODE, address: 0x9000 }, bytes: Buffer.from("code!!") },
    { name: ".data", header: { ...DATA, address: 0x9008 }, bytes: Buffer.from("data") },
    { name: ".bss", header: { ...BSS, address: 0x9010, size: 64 } },
    { name: ".note", header: { type: SECTION_TYPE.program }, bytes: Buffer.from("left out") },
  ];
  return elfFile(ELF32, ELF_MACHINE.i386, sections ?? usual);
}

export interface KernelSymbol {
  readonly name: string;
  readonly section: number;
  readonly value: number;
}

export interface KernelRelocation {
  readonly type: number;
  readonly offset: number;
  /** Number of the symbol, from 1. */
  readonly symbol: number;
  readonly addend: bigint;
}

export interface EfiKernelPlan {
  readonly machine?: number;
  readonly code?: Uint8Array;
  readonly symbols?: readonly KernelSymbol[];
  /** Of the code, section 1. */
  readonly relocations?: readonly KernelRelocation[];
  /** Fields of the relocations' section header. */
  readonly relocationHeader?: Partial<SectionHeader>;
  readonly change?: Partial<Header>;
}

/** Sections by number: 1 code, 2 data (16 bytes, aligned to 32), 3 BSS of 5000 bytes. */
export const START: KernelSymbol = { name: "_start", section: 1, value: 4 };

/** A relocatable kernel as x86_64-efi and arm64-efi have it. */
export function efiKernel(plan: EfiKernelPlan = {}): Buffer {
  const { machine = ELF_MACHINE.x86_64, code = Buffer.alloc(64, 0x90), symbols = [START], relocations = [] } = plan;
  const strings = Buffer.from(`\0${symbols.map(({ name }) => `${name}\0`).join("")}`);
  const symbol = { info: 0, other: 0, size: 0 };
  const table = [
    ELF64_SYMBOL.encode({ ...symbol, name: 0, section: 0, value: 0 }),
    ...symbols.map(({ name, ...rest }) =>
      ELF64_SYMBOL.encode({ ...symbol, ...rest, name: strings.indexOf(`\0${name}\0`) + 1 }),
    ),
  ];
  const entries = relocations.map((one) => ELF64_RELOCATION.encode({ ...one, addend: BigInt.asUintN(64, one.addend) }));
  const sections: readonly Section[] = [
    { name: ".text", header: CODE, bytes: code },
    { name: ".data", header: { ...DATA, alignment: 32 }, bytes: Buffer.from("sixteen bytes...") },
    { name: ".bss", header: { ...BSS, alignment: 16, size: 5000 } },
    { name: ".symtab", header: { type: SECTION_TYPE.symbols, link: 5 }, bytes: Buffer.concat(table) },
    { name: ".strtab", header: { type: 3 }, bytes: strings },
    {
      name: ".rela.text",
      header: { type: SECTION_TYPE.relocations, info: 1, ...plan.relocationHeader },
      bytes: Buffer.concat(entries),
    },
  ];
  return elfFile(ELF64, machine, sections, plan.change);
}

/** lzma_decompress.img: fields to be filled in, redundancy fields of their own, some code. */
export function decompressor(): Buffer {
  const bytes = Buffer.alloc(100, 0xcc);
  bytes.writeUInt32LE(0, 0x10);
  bytes.writeUInt16LE(0x762, 0x14);
  return bytes;
}

/** diskboot.img with its list to be filled in. */
export function diskboot(): Buffer {
  const bytes = Buffer.alloc(512, 0xdb);
  bytes.writeBigUInt64LE(2n, 0x1f4);
  bytes.writeUInt16LE(0, 0x1fc);
  bytes.writeUInt16LE(0x820, 0x1fe);
  return bytes;
}

/** A module folder in memory: a chain of two modules and one alone. */
export function folder(change: Readonly<Record<string, Uint8Array>> = {}): GrubFiles {
  const files: Readonly<Record<string, Uint8Array>> = {
    "moddep.lst": Buffer.from("chain: link\nlink:\nalone:\n"),
    "chain.mod": Buffer.from("chain"),
    "link.mod": Buffer.from("link module"),
    "alone.mod": Buffer.from("alone"),
    "kernel.img": biosKernel(),
    "lzma_decompress.img": decompressor(),
    "diskboot.img": diskboot(),
    "cdboot.img": Buffer.alloc(2048, 0xcd),
    ...change,
  };
  return async (name) => files[name] ?? Promise.reject(new Error(`${name} is not there`));
}

/** Stands for the encoder: two bytes in front, then the data as it is. */
export const STORED = { lzma1: async (bytes: Uint8Array) => Buffer.concat([Buffer.from("<>"), bytes]) };
