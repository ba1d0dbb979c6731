import { KiB, MiB } from "../../bytes/align.ts";
import { FactoryError } from "../../errors.ts";

export type GrubErrorCode =
  | "moddep_malformed"
  | "module_unknown"
  | "module_cycle"
  | "file_size"
  | "kernel_malformed"
  | "kernel_unsupported"
  | "prefix_invalid"
  | "core_malformed"
  | "lba_invalid"
  | "core_too_large";

/**
 * What no core image can be made of. Messages name the file, module or field.
 * `file_size`: a file of the folder has an impossible size; `core_too_large`: the image would not fit where it is loaded
 * or stored.
 */
export class GrubError extends FactoryError<GrubErrorCode> {}

/** UEFI platforms, spelled as GRUB's module folders are. */
export type GrubEfiTarget = "x86_64-efi" | "arm64-efi";

/**
 * Reads a whole file of a target's module folder (`/usr/lib/grub/<target>`). Names come without a path: `kernel.img`,
 * `moddep.lst`, `<module>.mod`. Rejects when there is none.
 */
export type GrubFiles = (name: string) => Promise<Uint8Array>;

/** What a core image consists of besides GRUB's kernel. */
export interface GrubContent {
  /** Modules by name, without `.mod`; those they need are added. */
  readonly modules: readonly string[];
  /** Device and directory GRUB looks for its files in, for example `(hd0,gpt3)/grub`: 1 to 1024 printable ASCII characters. */
  readonly prefix: string;
  /** Commands to run before `grub.cfg` is looked for; default none. */
  readonly config?: Uint8Array;
}

/** Parameters of the LZMA stream that GRUB's decompressor is built for (GRUB: util/mkimage.c, compress_kernel_lzma). */
export const GRUB_LZMA = { lc: 3, lp: 0, pb: 2, dictionary: 64 * KiB } as const;

/** The encoder i386-pc images need: raw LZMA1 without a header; an end marker behind the data does no harm. */
export interface Lzma1Encoder {
  lzma1(bytes: Uint8Array, options: typeof GRUB_LZMA): Promise<Uint8Array>;
}

/** Largest single file taken from a folder; the largest of GRUB 2.14 has 0.6 MB. */
export const MAX_FILE_BYTES = 8 * MiB;
/** Largest module area; all modules of GRUB 2.14 together have 4 MB. */
export const MAX_MODULES_BYTES = 64 * MiB;

/** A file of the folder, with its size checked. Throws `file_size`, and what `files` rejects with. */
export async function readFile(files: GrubFiles, name: string): Promise<Uint8Array> {
  const bytes = await files(name);
  if (bytes.length === 0 || bytes.length > MAX_FILE_BYTES) {
    throw new GrubError("file_size", `grub: ${name}: ${bytes.length} bytes are not between 1 and ${MAX_FILE_BYTES}`);
  }
  return bytes;
}
