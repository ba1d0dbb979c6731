/**
 * Unified kernel images: a UEFI stub with kernel, initramfs and command line appended as sections (imager.md 6).
 *
 * Written: PE32+ without symbol table, stub sections first, appended ones as readable data, every section moved.
 * Refused: stubs without `.sbat`, with COFF symbols or odd alignments; more than 96 sections; anything beyond 4 GiB.
 * Section bodies are recipes and are never read. Not here: signatures and PCR measurements.
 */
export {
  type UkiContents,
  UkiError,
  type UkiErrorCode,
  type UkiInput,
  type UkiProfile,
  type UkiSection,
  ukiSections,
} from "./model.ts";
export { splash, splashBmp } from "./splash.ts";
export { BZIMAGE_HEAD_BYTES, bzImageRelease } from "./uname.ts";
export { ukiImage } from "./write.ts";
