import { alignUp } from "../../bytes/align.ts";
import { concatBytes, utf8 } from "../../bytes/text.ts";
import {
  COFF_HEADER,
  DATA_DIRECTORIES,
  DOS_HEADER,
  DOS_MAGIC,
  OPTIONAL_HEADER,
  PE_SIGNATURE,
  PE32_PLUS_MAGIC,
  SECTION_HEADER,
  SECTION_INITIALIZED_DATA,
  SECTION_READABLE,
} from "../pe/layout.ts";
import type { SectionHeader } from "../pe/read.ts";
import { linkKernel } from "./efikernel.ts";
import { readingKernel } from "./elf.ts";
import { baseRelocations } from "./fixups.ts";
import {
  DOS_HEADER_REST,
  DOS_MESSAGE,
  DOS_PROGRAM,
  PE_BASE_RELOCATION_DIRECTORY,
  PE_CHARACTERISTICS,
  PE_MACHINE,
  PE_NX_COMPATIBLE,
  PE_OFFSET,
  PE_PAGE,
  PE_SECTION,
  PE_STACK_AND_HEAP,
  PE_SUBSYSTEM_EFI,
  PE_TIMESTAMP,
} from "./layout.ts";
import { type GrubContent, type GrubEfiTarget, type GrubFiles, readFile } from "./model.ts";
import { moduleArea } from "./modules.ts";

const MACHINE = { "x86_64-efi": PE_MACHINE.x86_64, "arm64-efi": PE_MACHINE.arm64 } as const;

const CODE = PE_SECTION.code | PE_SECTION.executable | SECTION_READABLE;
const DATA = (SECTION_INITIALIZED_DATA | SECTION_READABLE | PE_SECTION.writable) >>> 0;
const RELOCATIONS = SECTION_INITIALIZED_DATA | SECTION_READABLE | PE_SECTION.discardable;

/** A section; content is a multiple of a page, so it stands at one address in the file and in memory. */
interface Part {
  readonly name: string;
  readonly content: Uint8Array;
  readonly flags: number;
}

function dosStub(): Uint8Array {
  const rest = new Uint8Array(DOS_HEADER.size - 6);
  const words = new DataView(rest.buffer);
  for (const [i, word] of DOS_HEADER_REST.entries()) words.setUint16(i * 2, word, true);
  const header = DOS_HEADER.encode({ magic: DOS_MAGIC, rest, peOffset: PE_OFFSET });
  const stub = new Uint8Array(PE_OFFSET);
  stub.set(concatBytes(header, Uint8Array.from(DOS_PROGRAM), utf8(DOS_MESSAGE)));
  return stub;
}

/** The sections' headers: they stand one behind the other from the second page on. */
function sectionTable(parts: readonly Part[]): readonly SectionHeader[] {
  let address = PE_PAGE;
  return parts.map(({ name, content: { length }, flags }) => {
    const place = { virtualAddress: address, pointerToRawData: address };
    address += length;
    return {
      name,
      ...place,
      virtualSize: length,
      sizeOfRawData: length,
      pointerToRelocations: 0,
      pointerToLinenumbers: 0,
      numberOfRelocations: 0,
      numberOfLinenumbers: 0,
      characteristics: flags,
    };
  });
}

/** `sections` are those of `efiImage`, in that order. */
function optionalHeader(entry: number, sections: readonly SectionHeader[]): Uint8Array {
  const [code, data, modules, relocations] = sections as [SectionHeader, SectionHeader, SectionHeader, SectionHeader];
  const { virtualAddress, virtualSize: size } = relocations;
  const dataDirectories = Array.from({ length: DATA_DIRECTORIES }, (_, i) =>
    i === PE_BASE_RELOCATION_DIRECTORY ? { virtualAddress, size } : { virtualAddress: 0, size: 0 },
  );
  return OPTIONAL_HEADER.encode({
    magic: PE32_PLUS_MAGIC,
    majorLinkerVersion: 0,
    minorLinkerVersion: 0,
    sizeOfCode: code.virtualSize,
    sizeOfInitializedData: data.virtualSize + modules.virtualSize,
    sizeOfUninitializedData: 0,
    addressOfEntryPoint: entry,
    baseOfCode: code.virtualAddress,
    imageBase: 0n,
    sectionAlignment: PE_PAGE,
    fileAlignment: PE_PAGE,
    versions: [0, 0, 0, 0, 0, 0],
    win32VersionValue: 0,
    sizeOfImage: virtualAddress + size,
    sizeOfHeaders: PE_PAGE,
    checkSum: 0,
    subsystem: PE_SUBSYSTEM_EFI,
    dllCharacteristics: PE_NX_COMPATIBLE,
    stackAndHeap: PE_STACK_AND_HEAP,
    loaderFlags: 0,
    numberOfRvaAndSizes: DATA_DIRECTORIES,
    dataDirectories,
  });
}

/** The first page: DOS stub, PE headers and section table, then zeros. */
function head(machine: number, entry: number, parts: readonly Part[]): Uint8Array {
  const sections = sectionTable(parts);
  const coff = COFF_HEADER.encode({
    machine,
    numberOfSections: sections.length,
    timeDateStamp: PE_TIMESTAMP,
    pointerToSymbolTable: 0,
    numberOfSymbols: 0,
    sizeOfOptionalHeader: OPTIONAL_HEADER.size,
    characteristics: PE_CHARACTERISTICS,
  });
  const table = sections.map((section) => SECTION_HEADER.encode(section));
  return paged(concatBytes(dosStub(), PE_SIGNATURE.encode({}), coff, optionalHeader(entry, sections), ...table));
}

function paged(bytes: Uint8Array): Uint8Array {
  return concatBytes(bytes, new Uint8Array(alignUp(bytes.length, PE_PAGE) - bytes.length));
}

/**
 * A UEFI program of kernel and modules, uncompressed and unsigned, without `.sbat`: byte for byte what
 * `grub-mkimage -O <target>` of GRUB 2.14 makes of the same files, with any `--compression`. `files` is the folder of the
 * target. Throws `GrubError`, and what `files` rejects with.
 */
export async function efiImage(target: GrubEfiTarget, files: GrubFiles, content: GrubContent): Promise<Uint8Array> {
  const kernelFile = await readFile(files, "kernel.img");
  const { image, codeBytes, entry, fixups } = readingKernel(() => linkKernel(target, kernelFile));
  const parts: readonly Part[] = [
    { name: ".text", content: image.subarray(0, codeBytes), flags: CODE },
    { name: ".data", content: image.subarray(codeBytes), flags: DATA },
    { name: "mods", content: paged(await moduleArea(files, content, 8)), flags: DATA },
    { name: ".reloc", content: baseRelocations(fixups), flags: RELOCATIONS },
  ];
  return concatBytes(head(MACHINE[target], entry, parts), ...parts.map((part) => part.content));
}
