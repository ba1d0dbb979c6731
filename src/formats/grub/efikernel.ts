import { alignUp } from "../../bytes/align.ts";
import { type ElfSection, elfSections, range, textAt } from "./elf.ts";
import {
  ELF_MACHINE,
  ELF64,
  ELF64_RELOCATION,
  ELF64_SYMBOL,
  PE_PAGE,
  SECTION_FLAG,
  SECTION_TYPE,
  SYMBOL_ABSOLUTE,
  SYMBOL_UNDEFINED,
} from "./layout.ts";
import { type GrubEfiTarget, GrubError, MAX_FILE_BYTES } from "./model.ts";
import { relocate } from "./relocate.ts";

/** kernel.img linked for an image whose headers take up one page. */
export interface EfiKernel {
  /** Code, data and BSS as they stand in memory, from address `PE_PAGE` on; a multiple of a page. */
  readonly image: Uint8Array;
  /** How much of it is code, a multiple of a page. */
  readonly codeBytes: number;
  /** Address of the first instruction. */
  readonly entry: number;
  /** Addresses of 64-bit words the loader has to add its base to, in the order of the relocation sections. */
  readonly fixups: readonly number[];
}

const MACHINE = { "x86_64-efi": ELF_MACHINE.x86_64, "arm64-efi": ELF_MACHINE.arm64 } as const;
const ENTRY_NAMES: ReadonlySet<string> = new Set(["_start", "start"]);

function isCode({ flags }: ElfSection): boolean {
  return (flags & SECTION_FLAG.allocated) !== 0 && (flags & SECTION_FLAG.executable) !== 0;
}

function isKept({ flags }: ElfSection): boolean {
  return (flags & SECTION_FLAG.allocated) !== 0;
}

interface Placement {
  /** Address of each section by its index; the image's first byte is at `PE_PAGE`. Sections left out have that one. */
  readonly addresses: readonly number[];
  readonly codeEnd: number;
  readonly end: number;
}

/** Code, data and BSS each in the order of the section table, code and the whole filled up to pages. */
function placeSections(sections: readonly ElfSection[]): Placement {
  const addresses = sections.map(() => PE_PAGE);
  let at = PE_PAGE;
  const put = (wanted: (section: ElfSection) => boolean): void => {
    for (const [i, section] of sections.entries()) {
      if (!wanted(section)) continue;
      at = alignUp(at, section.alignment || 1);
      addresses[i] = at;
      at += section.size;
    }
  };
  put(isCode);
  const codeEnd = alignUp(at, PE_PAGE);
  at = codeEnd;
  put((section) => isKept(section) && !isCode(section) && section.type !== SECTION_TYPE.empty);
  put((section) => isKept(section) && !isCode(section) && section.type === SECTION_TYPE.empty);
  if (at > MAX_FILE_BYTES)
    throw new GrubError("core_too_large", `${at} bytes of memory are more than ${MAX_FILE_BYTES}`);
  return { addresses, codeEnd, end: alignUp(at, PE_PAGE) };
}

interface Symbols {
  /** Address of each symbol by its index. */
  readonly values: readonly number[];
  readonly entry: number;
}

function* records<T>(
  section: ElfSection,
  layout: { readonly size: number; decode(bytes: Uint8Array, at: number): T },
): Generator<T> {
  for (let at = 0; at < section.bytes.length; at += layout.size) yield layout.decode(section.bytes, at);
}

function resolveSymbols(sections: readonly ElfSection[], addresses: readonly number[]): Symbols {
  const table = sections.find(({ type }) => type === SECTION_TYPE.symbols);
  const strings = table && sections[table.link];
  if (!table || !strings) throw new GrubError("kernel_malformed", "no symbol table");
  const values: number[] = [];
  let entry: number | undefined;
  for (const { name: nameAt, section, value } of records(table, ELF64_SYMBOL)) {
    const base = section === SYMBOL_ABSOLUTE || section === SYMBOL_UNDEFINED ? 0 : addresses[section];
    if (base === undefined) throw new GrubError("kernel_malformed", `a symbol is in section ${section}`);
    values.push(base + value);
    const name = textAt(strings.bytes, nameAt);
    if (section === SYMBOL_UNDEFINED && name !== "") {
      throw new GrubError("kernel_malformed", `symbol ${name.slice(0, 80)} is not defined`);
    }
    if (ENTRY_NAMES.has(name)) entry ??= base + value;
  }
  if (entry === undefined) throw new GrubError("kernel_malformed", "symbol _start is not defined");
  return { values, entry };
}

/** Applies all relocations of sections that are kept to `image`; gives the addresses the loader has to change. */
function applyRelocations(
  target: GrubEfiTarget,
  sections: readonly ElfSection[],
  { addresses }: Placement,
  symbols: readonly number[],
  image: Uint8Array,
): number[] {
  const fixups: number[] = [];
  for (const section of sections) {
    if (section.type !== SECTION_TYPE.relocations) continue;
    const changed = sections[section.info];
    if (!changed) throw new GrubError("kernel_malformed", `relocations are for section ${section.info}`);
    if (!isKept(changed)) continue;
    const address = addresses[section.info]!;
    const bytes = range(image, address - PE_PAGE, changed.size, "relocated section");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const { offset, type, symbol, addend } of records(section, ELF64_RELOCATION)) {
      const base = symbols[symbol];
      if (base === undefined) throw new GrubError("kernel_malformed", `a relocation is for symbol ${symbol}`);
      const value = base + Number(BigInt.asIntN(64, addend));
      const place = address + offset;
      if (relocate(target, { type, view, offset, place, value })) fixups.push(place);
    }
  }
  return fixups;
}

/**
 * Links kernel.img, a relocatable ELF file, to where sections of the image stand (GRUB: util/grub-mkimagexx.c,
 * locate_sections, relocate_symbols, relocate_addrs). Throws `kernel_malformed`, `kernel_unsupported`, `core_too_large`,
 * and `RangeError` for numbers that no file of a sane size has.
 */
export function linkKernel(target: GrubEfiTarget, file: Uint8Array): EfiKernel {
  const sections = elfSections(file, ELF64, MACHINE[target]);
  const placement = placeSections(sections);
  const image = new Uint8Array(placement.end - PE_PAGE);
  for (const [i, section] of sections.entries()) {
    if (isKept(section)) image.set(section.bytes, placement.addresses[i]! - PE_PAGE);
  }
  const { values, entry } = resolveSymbols(sections, placement.addresses);
  const fixups = applyRelocations(target, sections, placement, values, image);
  return { image, codeBytes: placement.codeEnd - PE_PAGE, entry, fixups };
}
