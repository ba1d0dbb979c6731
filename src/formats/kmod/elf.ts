import { messageOf } from "../../errors.ts";
import {
  ELF_CLASS_64,
  ELF_LITTLE_ENDIAN,
  ELF_MACHINES,
  ELF_MAGIC,
  elfHeader,
  elfIdentification,
  SECTIONS,
  sectionHeader,
  symbolEntry,
  UNDEFINED_SECTION,
  VERSION_PREFIX,
  versionEntry,
} from "./layout.ts";
import { KmodError, type ModuleFacts, type ModuleInfo } from "./model.ts";

/** Keys of the description that end up in an index. */
const KEYS: ReadonlySet<string> = new Set(["alias", "softdep", "weakdep"]);

type SectionName = (typeof SECTIONS)[keyof typeof SECTIONS];
type Sections = ReadonlyMap<string, Buffer>;

/**
 * What depmod wants to know of a module: `bytes` is the whole file, decompressed; a signature behind it does no harm.
 * `path` is for messages. Throws `module_malformed` for tables that point outside, `module_unsupported` for files that
 * are not ELF for 64-bit little-endian x86 or ARM.
 */
export function readModule(bytes: Uint8Array, path: string): ModuleFacts {
  try {
    const sections = sectionsOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const symbols = symbolNames(sections);
    const versioned = symbols.versioned.map((name) => name.slice(VERSION_PREFIX.length));
    return {
      info: infoOf(sections),
      exports: versioned.length > 0 ? versioned : exportNames(sections),
      needs: [...new Set([...symbols.undefined, ...versionNames(sections)])],
    };
  } catch (cause) {
    const code = cause instanceof KmodError ? cause.code : "module_malformed";
    throw new KmodError(code, `module ${path.slice(0, 200)}: ${messageOf(cause)}`, { cause });
  }
}

function malformed(what: string): KmodError {
  return new KmodError("module_malformed", what);
}

function range(file: Buffer, offset: number, size: number, what: string): Buffer {
  if (offset + size > file.length) throw malformed(`${what} ends behind the file`);
  return file.subarray(offset, offset + size);
}

/** Text up to the NUL at or behind `at`. */
function textAt(strings: Buffer, at: number, what: string): string {
  const end = at < strings.length ? strings.indexOf(0, at) : -1;
  if (end < 0) throw malformed(`${what} has a name outside of its strings`);
  return strings.toString("latin1", at, end);
}

/** The sections of `SECTIONS` that are there; of two with one name the first counts, as for depmod. */
function sectionsOf(file: Buffer): Sections {
  if (file.length < elfHeader.size) throw new KmodError("module_unsupported", "not an ELF file");
  const identity = elfIdentification.decode(file);
  if (identity.magic !== ELF_MAGIC) throw new KmodError("module_unsupported", "not an ELF file");
  if (identity.class !== ELF_CLASS_64 || identity.data !== ELF_LITTLE_ENDIAN) {
    throw new KmodError("module_unsupported", "ELF, but not of a 64-bit little-endian machine");
  }
  const head = elfHeader.decode(file);
  if (!ELF_MACHINES.has(head.machine)) {
    throw new KmodError("module_unsupported", `ELF for machine ${head.machine}, neither x86-64 nor AArch64`);
  }
  const { sectionHeaders, sectionHeaderSize, sectionHeaderCount: count } = head;
  if (sectionHeaderSize !== sectionHeader.size) throw malformed(`section headers of ${sectionHeaderSize} bytes`);
  const table = range(file, sectionHeaders, count * sectionHeader.size, "section table");
  if (head.sectionNames === 0 || head.sectionNames >= count) throw malformed("no section with the names of sections");
  const at = (index: number) => sectionHeader.decode(table, index * sectionHeader.size);
  const nameSection = at(head.sectionNames);
  const names = range(file, nameSection.offset, nameSection.size, "section of names");
  const wanted = new Set<string>(Object.values(SECTIONS));
  const found = new Map<string, Buffer>();
  for (let i = 1; i < count; i++) {
    const { name: nameAt, offset, size } = at(i);
    const name = textAt(names, nameAt, "section table");
    if (wanted.has(name) && !found.has(name)) found.set(name, range(file, offset, size, name));
  }
  return found;
}

/** The records of a section: how many, each of `size` bytes. */
function recordCount(section: Buffer, size: number, name: SectionName): number {
  if (section.length % size !== 0) throw malformed(`${name} of ${section.length} bytes`);
  return section.length / size;
}

function symbolNames(sections: Sections): { readonly versioned: string[]; readonly undefined: string[] } {
  const versioned: string[] = [];
  const missing: string[] = [];
  const table = sections.get(SECTIONS.symbols);
  const strings = sections.get(SECTIONS.strings);
  if (!table || !strings) return { versioned, undefined: missing };
  const prefix = Buffer.from(VERSION_PREFIX, "latin1");
  const count = recordCount(table, symbolEntry.size, SECTIONS.symbols);
  // Modules have thousands of symbols; only these two fields are read, straight from their places.
  const { name: nameField, section: sectionField } = symbolEntry.offsets;
  for (let i = 1; i < count; i++) {
    const record = i * symbolEntry.size;
    const nameAt = table.readUInt32LE(record + nameField);
    const isUndefined = table.readUInt16LE(record + sectionField) === UNDEFINED_SECTION;
    if (nameAt >= strings.length) throw malformed(`${SECTIONS.symbols} has a name outside of its strings`);
    const isVersion = strings.subarray(nameAt, nameAt + prefix.length).equals(prefix);
    if (!isUndefined && !isVersion) continue;
    const name = textAt(strings, nameAt, SECTIONS.symbols);
    if (isVersion) versioned.push(name);
    if (isUndefined && name !== "") missing.push(name);
  }
  return { versioned, undefined: missing };
}

/** Non-empty pieces between NULs. */
function pieces(section: Buffer | undefined): string[] {
  return section?.toString("latin1").split("\0").filter(Boolean) ?? [];
}

function exportNames(sections: Sections): string[] {
  const names = sections.get(SECTIONS.exportNames);
  if (names && names.length > 0 && names.at(-1) !== 0) throw malformed(`${SECTIONS.exportNames} ends within a name`);
  return pieces(names);
}

/** Names in the version table; some, like that of the module's own layout, are in no symbol table. */
function versionNames(sections: Sections): string[] {
  const table = sections.get(SECTIONS.versions);
  if (!table) return [];
  return Array.from({ length: recordCount(table, versionEntry.size, SECTIONS.versions) }, (_, i) => {
    const { name } = versionEntry.decode(table, i * versionEntry.size);
    return textAt(Buffer.from(name.buffer, name.byteOffset, name.byteLength), 0, SECTIONS.versions);
  });
}

function infoOf(sections: Sections): ModuleInfo[] {
  const out: ModuleInfo[] = [];
  for (const text of pieces(sections.get(SECTIONS.modinfo))) {
    const [key = ""] = text.split("=", 1);
    if (KEYS.has(key)) out.push({ key, value: text.slice(key.length + 1) });
  }
  return out;
}
