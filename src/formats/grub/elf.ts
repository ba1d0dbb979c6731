import { messageOf } from "../../errors.ts";
import { ELF_IDENTIFICATION, ELF_LITTLE_ENDIAN, ELF_MAGIC, type ELF32, type ELF64, SECTION_TYPE } from "./layout.ts";
import { GrubError } from "./model.ts";

type ElfClass = typeof ELF32 | typeof ELF64;
/** Both classes have the same fields. */
type SectionHeader = ReturnType<typeof ELF64.section.decode>;

/** A section with its content, which is empty for sections that only take up memory. */
export interface ElfSection extends SectionHeader {
  readonly bytes: Uint8Array;
}

/**
 * Runs `read` over kernel.img; whatever goes wrong there is `kernel_malformed`, unless it has a code of this room.
 */
export function readingKernel<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const code = cause instanceof GrubError ? cause.code : "kernel_malformed";
    throw new GrubError(code, `grub: kernel.img: ${messageOf(cause)}`, { cause });
  }
}

/** The part of `bytes` from `offset` on. Throws `kernel_malformed` when it ends too early; `what` is for the message. */
export function range(bytes: Uint8Array, offset: number, size: number, what: string): Uint8Array {
  if (offset + size > bytes.length) throw new GrubError("kernel_malformed", `${what} ends behind its place`);
  return bytes.subarray(offset, offset + size);
}

/** Text up to the NUL at or behind `at`. */
export function textAt(strings: Uint8Array, at: number): string {
  const end = strings.indexOf(0, at);
  if (end < 0) throw new GrubError("kernel_malformed", "a name is outside of its strings");
  return Buffer.from(strings.buffer, strings.byteOffset + at, end - at).toString("latin1");
}

/**
 * The sections of an ELF file of one class and machine, in the order of its table. Throws `kernel_unsupported` for other
 * files and `kernel_malformed` for sections outside of the file.
 */
export function elfSections(file: Uint8Array, elf: ElfClass, machine: number): readonly ElfSection[] {
  const identity = ELF_IDENTIFICATION.decode(file);
  if (identity.magic !== ELF_MAGIC || identity.class !== elf.class || identity.data !== ELF_LITTLE_ENDIAN) {
    throw new GrubError("kernel_unsupported", "not a little-endian ELF file of the target's class");
  }
  const head = elf.header.decode(file);
  if (head.machine !== machine) {
    throw new GrubError("kernel_unsupported", `ELF for machine ${head.machine}, expected ${machine}`);
  }
  if (head.sectionHeaderSize !== elf.section.size) {
    throw new GrubError("kernel_malformed", `section headers of ${head.sectionHeaderSize} bytes`);
  }
  const table = range(file, head.sectionHeaders, head.sectionHeaderCount * elf.section.size, "section table");
  return Array.from({ length: head.sectionHeaderCount }, (_, i) => {
    const header = elf.section.decode(table, i * elf.section.size);
    const stored = header.type === SECTION_TYPE.empty ? 0 : header.size;
    return { ...header, bytes: range(file, header.offset, stored, `section ${i}`) };
  });
}
