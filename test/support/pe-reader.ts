/** A plain reader of PE32+ files for tests, written against Microsoft's "PE Format", not against the writer. */
import assert from "node:assert/strict";

const SIGNATURE = 0x4550;
const COFF_BYTES = 20;
const SECTION_BYTES = 40;
const DIRECTORY_BYTES = 8;
const PE32_PLUS = 0x20b;

/** Fields of the optional header up to the data directories: name, width in bytes. */
const OPTIONAL_FIELDS = [
  ["magic", 2],
  ["majorLinkerVersion", 1],
  ["minorLinkerVersion", 1],
  ["sizeOfCode", 4],
  ["sizeOfInitializedData", 4],
  ["sizeOfUninitializedData", 4],
  ["addressOfEntryPoint", 4],
  ["baseOfCode", 4],
  ["imageBase", 8],
  ["sectionAlignment", 4],
  ["fileAlignment", 4],
  ["majorOS", 2],
  ["minorOS", 2],
  ["majorImage", 2],
  ["minorImage", 2],
  ["majorSubsystem", 2],
  ["minorSubsystem", 2],
  ["win32Version", 4],
  ["sizeOfImage", 4],
  ["sizeOfHeaders", 4],
  ["checkSum", 4],
  ["subsystem", 2],
  ["dllCharacteristics", 2],
  ["stackReserve", 8],
  ["stackCommit", 8],
  ["heapReserve", 8],
  ["heapCommit", 8],
  ["loaderFlags", 4],
  ["numberOfRvaAndSizes", 4],
] as const;

type OptionalHeader = Readonly<Record<(typeof OPTIONAL_FIELDS)[number][0], number>>;

export interface PeSection {
  readonly name: string;
  readonly virtualAddress: number;
  readonly virtualSize: number;
  readonly rawOffset: number;
  readonly rawSize: number;
  readonly characteristics: number;
}

export interface PeFile {
  readonly peOffset: number;
  readonly fileHeader: ReturnType<typeof readFileHeader>;
  readonly optionalHeader: OptionalHeader;
  /** Address and size of the data directories that are not empty, by their index. */
  readonly directories: Readonly<Record<string, readonly [address: number, size: number]>>;
  readonly sections: readonly PeSection[];
}

/** Headers and section table; `head` holds at least these. */
export function readPe(head: Uint8Array): PeFile {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const peOffset = view.getUint32(0x3c, true);
  assert.equal(view.getUint32(peOffset, true), SIGNATURE);
  const coff = peOffset + 4;
  const fileHeader = readFileHeader(view, coff);
  let at = coff + COFF_BYTES;
  const optional = OPTIONAL_FIELDS.map(([name, width]) => {
    at += width;
    return [name, number(view, at - width, width)] as const;
  });
  const optionalHeader = Object.fromEntries(optional) as OptionalHeader;
  assert.equal(optionalHeader.magic, PE32_PLUS);
  const directories: Record<string, [number, number]> = {};
  for (let i = 0; i < optionalHeader.numberOfRvaAndSizes; i++, at += DIRECTORY_BYTES) {
    const directory: [number, number] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (directory.some((value) => value !== 0)) directories[i] = directory;
  }
  const table = coff + COFF_BYTES + fileHeader.sizeOfOptionalHeader;
  const sections = Array.from({ length: fileHeader.numberOfSections }, (_, i) =>
    section(view, table + i * SECTION_BYTES),
  );
  return { peOffset, fileHeader, optionalHeader, directories, sections };
}

function readFileHeader(view: DataView, at: number) {
  return {
    machine: view.getUint16(at, true),
    numberOfSections: view.getUint16(at + 2, true),
    timeDateStamp: view.getUint32(at + 4, true),
    pointerToSymbolTable: view.getUint32(at + 8, true),
    numberOfSymbols: view.getUint32(at + 12, true),
    sizeOfOptionalHeader: view.getUint16(at + 16, true),
    characteristics: view.getUint16(at + 18, true),
  };
}

function number(view: DataView, at: number, width: 1 | 2 | 4 | 8): number {
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at, true);
  return width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

function section(view: DataView, at: number): PeSection {
  const name = Buffer.from(view.buffer, view.byteOffset + at, 8)
    .toString("latin1")
    .replace(/\0+$/, "");
  return {
    name,
    virtualSize: view.getUint32(at + 8, true),
    virtualAddress: view.getUint32(at + 12, true),
    rawSize: view.getUint32(at + 16, true),
    rawOffset: view.getUint32(at + 20, true),
    characteristics: view.getUint32(at + 36, true),
  };
}
