import { FactoryError } from "../../errors.ts";
import {
  COFF_HEADER,
  DATA_DIRECTORIES,
  DOS_HEADER,
  DOS_MAGIC,
  OPTIONAL_HEADER,
  PE_MAGIC,
  PE_SIGNATURE,
  PE32_PLUS_MAGIC,
  SECTION_HEADER,
} from "./layout.ts";

export type PeErrorCode = "pe_short" | "pe_magic" | "pe_unsupported" | "pe_section_range";

/** A file that is no PE32+ image, or one this room does not handle. */
export class PeError extends FactoryError<PeErrorCode> {}

export type DosHeader = ReturnType<typeof DOS_HEADER.decode>;
export type CoffHeader = ReturnType<typeof COFF_HEADER.decode>;
export type OptionalHeader = ReturnType<typeof OPTIONAL_HEADER.decode>;
export type SectionHeader = ReturnType<typeof SECTION_HEADER.decode>;

/** The headers of a PE32+ image as they stand in the file. */
export interface PeHeaders {
  readonly dos: DosHeader;
  readonly coff: CoffHeader;
  readonly optional: OptionalHeader;
  readonly sections: readonly SectionHeader[];
}

/** Reading this many bytes from the start of a file is enough for `parsePe` on every image it accepts. */
export const PE_HEAD_BYTES = 64 * 1024;
/** The Windows loader takes no more ("COFF File Header"). */
export const MAX_SECTIONS = 96;

/**
 * The headers in the first bytes of a PE32+ image of `fileSize` bytes; `head` may be shorter than the file but must hold all
 * headers. Throws `pe_short`, `pe_magic`, `pe_unsupported` (PE32, other directory counts, too many sections) and
 * `pe_section_range` when the content of a section is not within the file.
 */
export function parsePe(head: Uint8Array, fileSize: number): PeHeaders {
  const dos = decodeAt(DOS_HEADER, head, 0);
  if (dos.magic !== DOS_MAGIC) throw new PeError("pe_magic", 'pe: the file does not start with "MZ"');
  const coffAt = dos.peOffset + PE_SIGNATURE.size;
  if (decodeAt(PE_SIGNATURE, head, dos.peOffset).magic !== PE_MAGIC) {
    throw new PeError("pe_magic", `pe: no PE signature at ${dos.peOffset}`);
  }
  const coff = decodeAt(COFF_HEADER, head, coffAt);
  const optional = optionalHeader(head, coffAt + COFF_HEADER.size, coff);
  if (coff.numberOfSections > MAX_SECTIONS) {
    throw new PeError("pe_unsupported", `pe: ${coff.numberOfSections} sections, at most ${MAX_SECTIONS} are supported`);
  }
  const tableAt = coffAt + COFF_HEADER.size + coff.sizeOfOptionalHeader;
  const sections = Array.from({ length: coff.numberOfSections }, (_, i) =>
    decodeAt(SECTION_HEADER, head, tableAt + i * SECTION_HEADER.size),
  );
  for (const { name, pointerToRawData, sizeOfRawData } of sections) {
    if (sizeOfRawData > 0 && pointerToRawData + sizeOfRawData > fileSize) {
      throw new PeError("pe_section_range", `pe: section ${name} ends beyond the ${fileSize} bytes of the file`);
    }
  }
  return { dos, coff, optional, sections };
}

function optionalHeader(head: Uint8Array, at: number, coff: CoffHeader): OptionalHeader {
  if (coff.sizeOfOptionalHeader !== OPTIONAL_HEADER.size) {
    throw new PeError(
      "pe_unsupported",
      `pe: optional header of ${coff.sizeOfOptionalHeader} bytes, only PE32+ with ${OPTIONAL_HEADER.size} is supported`,
    );
  }
  const optional = decodeAt(OPTIONAL_HEADER, head, at);
  if (optional.magic !== PE32_PLUS_MAGIC || optional.numberOfRvaAndSizes !== DATA_DIRECTORIES) {
    throw new PeError("pe_unsupported", "pe: not a PE32+ image with 16 data directories");
  }
  return optional;
}

interface Decoder<T> {
  readonly name: string;
  readonly size: number;
  decode(bytes: Uint8Array, at: number): T;
}

function decodeAt<T>(layout: Decoder<T>, head: Uint8Array, at: number): T {
  if (at + layout.size > head.length) {
    throw new PeError("pe_short", `pe: ${layout.name} at ${at} is beyond the ${head.length} bytes read`);
  }
  return layout.decode(head, at);
}
