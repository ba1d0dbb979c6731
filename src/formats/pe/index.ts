/**
 * PE32+ images (the format of UEFI programs): headers and section table are read, their records can be written.
 *
 * Read: PE32+ with a 240-byte optional header and 16 data directories, up to 96 sections.
 * Refused: PE32, object files, headers beyond the bytes given, sections beyond the end of the file.
 * Not here: relocations, imports, resources, checksums and signatures.
 */
export {
  COFF_HEADER,
  DOS_HEADER,
  DOS_MAGIC,
  OPTIONAL_HEADER,
  PE_SIGNATURE,
  SECTION_HEADER,
  SECTION_INITIALIZED_DATA,
  SECTION_READABLE,
} from "./layout.ts";
export {
  type CoffHeader,
  type DosHeader,
  MAX_SECTIONS,
  type OptionalHeader,
  PE_HEAD_BYTES,
  PeError,
  type PeErrorCode,
  type PeHeaders,
  parsePe,
  type SectionHeader,
} from "./read.ts";
