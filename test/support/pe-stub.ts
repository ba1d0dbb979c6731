import { alignUp } from "../../src/bytes/align.ts";
import { concatBytes, utf8 } from "../../src/bytes/text.ts";
import { COFF_HEADER, DOS_HEADER, OPTIONAL_HEADER, PE_SIGNATURE, SECTION_HEADER } from "../../src/formats/pe/index.ts";

export interface StubOptions {
  readonly sections?: readonly { readonly name: string; readonly content: Uint8Array; readonly code?: boolean }[];
  readonly fileAlignment?: number;
  readonly imageBase?: bigint;
  readonly symbols?: number;
  readonly peOffset?: number;
}

const SECTIONS = [
  { name: ".text", content: new Uint8Array(1500).fill(0xc3), code: true },
  { name: ".sbat", content: utf8("sbat,1,SBAT Version,sbat,1,https://example.org/\n") },
];

/** A PE32+ program with the headers of a UEFI stub and nothing that runs. */
export function peStub(options: StubOptions = {}): Uint8Array {
  const {
    sections = SECTIONS,
    fileAlignment = 512,
    imageBase = 0x1_4000_0000n,
    symbols = 0,
    peOffset = 0x98,
  } = options;
  const tableEnd =
    peOffset + PE_SIGNATURE.size + COFF_HEADER.size + OPTIONAL_HEADER.size + sections.length * SECTION_HEADER.size;
  const headersSize = alignUp(tableEnd, fileAlignment);
  let raw = headersSize;
  let address = 0x1000;
  const headers: Uint8Array[] = [];
  const bodies: Uint8Array[] = [];
  for (const { name, content, code = false } of sections) {
    const sizeOfRawData = alignUp(content.length, fileAlignment);
    headers.push(
      SECTION_HEADER.encode({
        name,
        virtualSize: content.length,
        virtualAddress: address,
        sizeOfRawData,
        pointerToRawData: raw,
        pointerToRelocations: 7,
        pointerToLinenumbers: 0,
        numberOfRelocations: 1,
        numberOfLinenumbers: 0,
        characteristics: code ? 0x6000_0020 : 0x4000_0040,
      }),
    );
    bodies.push(content, new Uint8Array(sizeOfRawData - content.length));
    raw += sizeOfRawData;
    address = alignUp(address + content.length, 0x1000);
  }
  const dos = DOS_HEADER.encode({ magic: "MZ", rest: new Uint8Array(58).fill(1), peOffset });
  const coff = COFF_HEADER.encode({
    machine: 0x8664,
    numberOfSections: sections.length,
    timeDateStamp: 99,
    pointerToSymbolTable: symbols === 0 ? 0 : raw,
    numberOfSymbols: symbols,
    sizeOfOptionalHeader: OPTIONAL_HEADER.size,
    characteristics: 0x22e,
  });
  const optional = OPTIONAL_HEADER.encode({
    magic: 0x20b,
    majorLinkerVersion: 2,
    minorLinkerVersion: 40,
    sizeOfCode: 2048,
    sizeOfInitializedData: 512,
    sizeOfUninitializedData: 0,
    addressOfEntryPoint: 0x1000,
    baseOfCode: 0x1000,
    imageBase,
    sectionAlignment: 0x1000,
    fileAlignment,
    versions: [0, 0, 257, 0, 1, 1],
    win32VersionValue: 0,
    sizeOfImage: address,
    sizeOfHeaders: headersSize,
    checkSum: 1234,
    subsystem: 10,
    dllCharacteristics: 0x160,
    stackAndHeap: [0n, 0n, 0n, 0n],
    loaderFlags: 0,
    numberOfRvaAndSizes: 16,
    dataDirectories: Array.from({ length: 16 }, () => ({ virtualAddress: 0, size: 0 })),
  });
  const head = concatBytes(
    dos,
    new Uint8Array(peOffset - dos.length),
    PE_SIGNATURE.encode({}),
    coff,
    optional,
    ...headers,
  );
  return concatBytes(head, new Uint8Array(headersSize - head.length), ...bodies);
}
