import { alignUp } from "../../bytes/align.ts";
import { concatBytes } from "../../bytes/text.ts";
import { concat, inline, padTo, type Recipe, slice } from "../../extents/index.ts";
import {
  COFF_HEADER,
  DOS_HEADER,
  MAX_SECTIONS,
  OPTIONAL_HEADER,
  PE_SIGNATURE,
  type PeHeaders,
  parsePe,
  SECTION_HEADER,
  SECTION_INITIALIZED_DATA,
  SECTION_READABLE,
  type SectionHeader,
} from "../pe/index.ts";
import { PE_OFFSET } from "./layout.ts";
import { UkiError, type UkiInput, type UkiSection } from "./model.ts";

const MAX_U32 = 2 ** 32 - 1;

/** A section header and the bytes it stands for, padded to the raw size. */
interface Placed {
  readonly header: SectionHeader;
  readonly content: Recipe;
}

/**
 * A stub with sections appended: a unified kernel image (imager.md 6.4). Throws `PeError` for what is no PE32+ image and
 * `uki_stub`, `uki_section`, `uki_too_large`.
 */
export function ukiImage({ stub, stubContent, sections, timestamp }: UkiInput): Recipe {
  const pe = parsePe(stub, stubContent.size);
  checkStub(pe);
  const appended = placeAppended(pe, sections);
  const count = pe.sections.length + appended.length;
  if (count > MAX_SECTIONS) throw new UkiError("uki_section", `uki: ${count} sections, at most ${MAX_SECTIONS} fit`);
  // The reference leaves the four bytes of the signature out of this sum; alignment hides it.
  const headersSize = alignUp(PE_OFFSET + tableSize(count), pe.optional.fileAlignment);
  const placed = relocate([...pe.sections.map((header) => fromStub(header, stubContent)), ...appended], headersSize);
  const head = encodeHead(pe, placed, headersSize, timestamp);
  if (head.length > headersSize || headersSize > (placed[0]?.header.virtualAddress ?? 0)) {
    throw new UkiError("uki_stub", `uki: headers of ${head.length} bytes do not fit in front of the first section`);
  }
  return concat(padTo(inline(head), headersSize), ...placed.map(({ content }) => content));
}

/** COFF header, optional header and section table, without the signature in front. */
function tableSize(sectionCount: number): number {
  return COFF_HEADER.size + OPTIONAL_HEADER.size + SECTION_HEADER.size * sectionCount;
}

function checkStub({ coff, optional, sections }: PeHeaders): void {
  if (coff.pointerToSymbolTable !== 0 || coff.numberOfSymbols !== 0) {
    throw new UkiError("uki_stub", "uki: the stub has a COFF symbol table, which would lose its place");
  }
  if (!sections.some(({ name }) => name === ".sbat"))
    throw new UkiError("uki_stub", "uki: the stub has no .sbat section");
  for (const alignment of [optional.fileAlignment, optional.sectionAlignment]) {
    if (!Number.isInteger(Math.log2(alignment))) {
      throw new UkiError("uki_stub", `uki: alignment ${alignment} of the stub is not a power of two`);
    }
  }
}

function fromStub(header: SectionHeader, stub: Recipe): Placed {
  const { sizeOfRawData: size, pointerToRawData: offset } = header;
  const bare = { ...header, pointerToRelocations: 0, pointerToLinenumbers: 0 };
  return {
    header: { ...bare, numberOfRelocations: 0, numberOfLinenumbers: 0 },
    content: size === 0 ? slice(stub, 0, 0) : slice(stub, offset, size),
  };
}

/** Addresses continue behind the section whose header stands last, not behind the one that ends last. */
function placeAppended({ sections, optional }: PeHeaders, added: readonly UkiSection[]): readonly Placed[] {
  const { sectionAlignment, fileAlignment } = optional;
  const last = sections.at(-1);
  let address = alignUp((last?.virtualAddress ?? 0) + (last?.virtualSize ?? 0), sectionAlignment);
  return added.map(({ name, content }) => {
    if (!/^[\x21-\x7e]{1,8}$/.test(name)) throw new UkiError("uki_section", `uki: "${name}" is not a section name`);
    const sizeOfRawData = alignUp(content.size, fileAlignment);
    if (address + sizeOfRawData > MAX_U32) throw new UkiError("uki_too_large", `uki: ${name} ends beyond 4 GiB`);
    const header: SectionHeader = {
      name,
      virtualSize: content.size,
      virtualAddress: address,
      sizeOfRawData,
      pointerToRawData: 0,
      pointerToRelocations: 0,
      pointerToLinenumbers: 0,
      numberOfRelocations: 0,
      numberOfLinenumbers: 0,
      characteristics: SECTION_INITIALIZED_DATA + SECTION_READABLE,
    };
    address = alignUp(address + content.size, sectionAlignment);
    return { header, content: padTo(content, sizeOfRawData) };
  });
}

/** Every section gets a new place in the file, one right behind the other. */
function relocate(placed: readonly Placed[], headersSize: number): readonly Placed[] {
  let at = headersSize;
  return placed.map(({ header, content }) => {
    const moved = { ...header, pointerToRawData: at };
    at += header.sizeOfRawData;
    if (at > MAX_U32) throw new UkiError("uki_too_large", `uki: ${header.name} ends beyond 4 GiB`);
    return { header: moved, content };
  });
}

function encodeHead(pe: PeHeaders, placed: readonly Placed[], headersSize: number, timestamp: number): Uint8Array {
  const headers = placed.map(({ header }) => header);
  const coff = { ...pe.coff, numberOfSections: headers.length, timeDateStamp: timestamp };
  const dos = DOS_HEADER.encode({ ...pe.dos, peOffset: PE_OFFSET });
  return concatBytes(
    dos,
    new Uint8Array(PE_OFFSET - dos.length),
    PE_SIGNATURE.encode({}),
    COFF_HEADER.encode(coff),
    OPTIONAL_HEADER.encode(optionalHeader(pe, headers, headersSize)),
    ...headers.map((header) => SECTION_HEADER.encode(header)),
  );
}

function optionalHeader({ optional }: PeHeaders, headers: readonly SectionHeader[], sizeOfHeaders: number) {
  const last = headers.at(-1)!;
  const alignment = BigInt(optional.sectionAlignment);
  const end = BigInt(last.virtualAddress + last.virtualSize) + optional.imageBase;
  const sizeOfImage = Number(((end + alignment - 1n) / alignment) * alignment - optional.imageBase);
  const isData = ({ characteristics }: SectionHeader): boolean => (characteristics & SECTION_INITIALIZED_DATA) !== 0;
  const rawSize = (list: readonly SectionHeader[]): number => list.reduce((sum, each) => sum + each.sizeOfRawData, 0);
  return {
    ...optional,
    majorLinkerVersion: 0,
    minorLinkerVersion: 0,
    sizeOfCode: rawSize(headers.filter((header) => !isData(header))),
    sizeOfInitializedData: rawSize(headers.filter(isData)),
    sizeOfImage,
    sizeOfHeaders,
    checkSum: 0,
  };
}
