import { ELF_MAGIC, elfHeader, sectionHeader, symbolEntry, versionEntry } from "../../../src/formats/kmod/layout.ts";

/** A section of a module to build. */
export interface Section {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Fields of the ELF header that tests change. */
export type HeaderChange = Partial<Parameters<typeof elfHeader.encode>[0]>;

/** What a module says, in the terms of its source. */
export interface ModulePlan {
  /** `key=value` of its description. */
  readonly info?: readonly string[];
  readonly exports?: readonly string[];
  /** Exported symbols carry versions, as kernels with module versions make them. */
  readonly versioned?: boolean;
  readonly needs?: readonly string[];
  /** Names in the table of needed versions. */
  readonly versions?: readonly string[];
}

const X86_64 = 62;
const SECTION_TYPE = 1;
const ABSOLUTE = 0xfff1;

/** NUL-terminated strings one behind the other, and where each starts. */
class Strings {
  readonly #pieces: Buffer[] = [Buffer.from([0])];
  #size = 1;

  add(text: string): number {
    const at = this.#size;
    const bytes = Buffer.from(`${text}\0`, "latin1");
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    return at;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/** An ELF file with these sections and the one with their names. */
export function elfFile(sections: readonly Section[], change: HeaderChange = {}): Buffer {
  const names = new Strings();
  const nameAt = [...sections.map(({ name }) => name), ".shstrtab"].map((name) => names.add(name));
  const bodies = [...sections.map(({ bytes }) => bytes), names.bytes];
  const headers: Uint8Array[] = [new Uint8Array(sectionHeader.size)];
  let at: number = elfHeader.size;
  for (const [i, body] of bodies.entries()) {
    const place = { offset: at, size: body.length, link: 0, info: 0 };
    headers.push(sectionHeader.encode({ name: nameAt[i]!, type: SECTION_TYPE, ...place }));
    at += body.length;
  }
  const head = elfHeader.encode({
    identification: { magic: ELF_MAGIC, class: 2, data: 1, version: 1 },
    type: 1,
    machine: X86_64,
    fileVersion: 1,
    programHeaders: 0,
    sectionHeaders: at,
    flags: 0,
    headerSize: elfHeader.size,
    programHeaderSize: 0,
    programHeaderCount: 0,
    sectionHeaderSize: sectionHeader.size,
    sectionHeaderCount: headers.length,
    sectionNames: headers.length - 1,
    ...change,
  });
  return Buffer.concat([head, ...bodies, ...headers]);
}

function symbol(name: number, section: number): Uint8Array {
  return symbolEntry.encode({ name, info: 0x10, other: 0, section });
}

/** The sections of a module; what a plan leaves out has no section, but for the symbol table. */
export function moduleSections(plan: ModulePlan): Section[] {
  const { info = [], exports = [], versioned = false, needs = [], versions = [] } = plan;
  const strings = new Strings();
  const symbols = [
    symbol(0, 0),
    ...needs.map((name) => symbol(strings.add(name), 0)),
    ...(versioned ? exports.map((name) => symbol(strings.add(`__crc_${name}`), ABSOLUTE)) : []),
    ...exports.map((name) => symbol(strings.add(name), 1)),
  ];
  const table = versions.map((name) => {
    const field = new Uint8Array(56);
    field.set(Buffer.from(name, "latin1"));
    return versionEntry.encode({ name: field });
  });
  const text = (parts: readonly string[]): Buffer => Buffer.from(parts.map((part) => `${part}\0`).join(""), "latin1");
  return [
    ...(info.length > 0 ? [{ name: ".modinfo", bytes: text(info) }] : []),
    ...(exports.length > 0 ? [{ name: "__ksymtab_strings", bytes: text(exports) }] : []),
    ...(versions.length > 0 ? [{ name: "__versions", bytes: Buffer.concat(table) }] : []),
    { name: ".symtab", bytes: Buffer.concat(symbols) },
    { name: ".strtab", bytes: strings.bytes },
  ];
}

/** A module file. */
export function moduleFile(plan: ModulePlan): Buffer {
  return elfFile(moduleSections(plan));
}
