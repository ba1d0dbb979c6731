/** Records of a PE32+ file, Microsoft "PE Format" (the section of that document stands beside each). All little-endian. */
import { array, ascii, bytes, constant, flags64le, struct, u8, u16le, u32le } from "../../bytes/struct.ts";

/** "MS-DOS Stub": only the signature and the place of the PE header matter today. */
export const DOS_HEADER = struct(
  { name: "DosHeader", size: 64 },
  { magic: ascii(2), rest: bytes(58), peOffset: u32le },
);
export const DOS_MAGIC = "MZ";

/** "Signature (Image Only)". */
export const PE_SIGNATURE = struct({ name: "PeSignature", size: 4 }, { magic: constant(u32le, 0x4550) });
export const PE_MAGIC = 0x4550;

/** "COFF File Header (Object and Image)". */
export const COFF_HEADER = struct(
  { name: "CoffHeader", size: 20 },
  {
    machine: u16le,
    numberOfSections: u16le,
    timeDateStamp: u32le,
    pointerToSymbolTable: u32le,
    numberOfSymbols: u32le,
    sizeOfOptionalHeader: u16le,
    characteristics: u16le,
  },
);

/** "Optional Header Data Directories". */
const DATA_DIRECTORY = struct({ name: "DataDirectory", size: 8 }, { virtualAddress: u32le, size: u32le });
export const DATA_DIRECTORIES = 16;

/** "Optional Header (Image Only)", PE32+ with its 16 data directories. */
export const OPTIONAL_HEADER = struct(
  { name: "OptionalHeader", size: 240 },
  {
    magic: u16le,
    majorLinkerVersion: u8,
    minorLinkerVersion: u8,
    sizeOfCode: u32le,
    sizeOfInitializedData: u32le,
    sizeOfUninitializedData: u32le,
    addressOfEntryPoint: u32le,
    baseOfCode: u32le,
    imageBase: flags64le,
    sectionAlignment: u32le,
    fileAlignment: u32le,
    versions: array(u16le, 6),
    win32VersionValue: u32le,
    sizeOfImage: u32le,
    sizeOfHeaders: u32le,
    checkSum: u32le,
    subsystem: u16le,
    dllCharacteristics: u16le,
    stackAndHeap: array(flags64le, 4),
    loaderFlags: u32le,
    numberOfRvaAndSizes: u32le,
    dataDirectories: array(DATA_DIRECTORY, DATA_DIRECTORIES),
  },
);
export const PE32_PLUS_MAGIC = 0x20b;

/** "Section Table (Section Headers)". */
export const SECTION_HEADER = struct(
  { name: "SectionHeader", size: 40 },
  {
    name: ascii(8),
    virtualSize: u32le,
    virtualAddress: u32le,
    sizeOfRawData: u32le,
    pointerToRawData: u32le,
    pointerToRelocations: u32le,
    pointerToLinenumbers: u32le,
    numberOfRelocations: u16le,
    numberOfLinenumbers: u16le,
    characteristics: u32le,
  },
);

/** "Section Flags". */
export const SECTION_INITIALIZED_DATA = 0x40;
export const SECTION_READABLE = 0x4000_0000;
