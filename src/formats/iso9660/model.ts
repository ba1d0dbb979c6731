import { utf8 } from "../../bytes/text.ts";
import { FactoryError } from "../../errors.ts";
import type { Recipe } from "../../extents/index.ts";

export type IsoErrorCode =
  | "volume_id_invalid"
  | "time_range"
  | "name_invalid"
  | "name_duplicate"
  | "mode_invalid"
  | "too_deep"
  | "too_many_directories"
  | "boot_entry_invalid"
  | "image_too_large";

/** What the ISO 9660 writer refuses; messages name the path or field. */
export class IsoError extends FactoryError<IsoErrorCode> {}

/** A file or directory of the tree. `mode` holds permission bits, by default 0555 and 0444; the owner is 0:0. */
export type IsoEntry =
  | {
      readonly $case: "directory";
      readonly name: string;
      readonly mode?: number;
      readonly children: readonly IsoEntry[];
    }
  | { readonly $case: "file"; readonly name: string; readonly mode?: number; readonly content: Recipe };

/** An El Torito entry without emulation. */
export interface IsoBootEntry {
  readonly platform: "bios" | "efi";
  /** The appended partition, or a file of the tree by its path (`/boot/eltorito.img`). */
  readonly image: { readonly $case: "appended" } | { readonly $case: "file"; readonly path: string };
  /** 512-byte sectors to load; by default the whole image, 0 when those are more than 65535 (outputs.md 3.5). */
  readonly loadSectors?: number;
}

/** An image to write. */
export interface IsoImage {
  /** Up to 32 of A-Z, 0-9 and `_`. */
  readonly volumeId: string;
  /** Up to 128 ASCII characters, default empty. */
  readonly volumeSetId?: string;
  /** Up to 128 ASCII characters, default empty. */
  readonly preparerId?: string;
  /** Time of the volume and of everything in it, in seconds since 1970, UTC; 1970 to 2155. */
  readonly mtime: number;
  /** Permission bits of the root directory, default 0555. */
  readonly rootMode?: number;
  readonly tree: readonly IsoEntry[];
  /** At least one; the first is the default entry. The catalog appears as `/boot.catalog`. */
  readonly elTorito: readonly IsoBootEntry[];
  /** The EFI system partition, written behind the file system as MBR partition 2. */
  readonly appendedPartition: Recipe;
}

/** Name of the boot catalog in the root directory (outputs.md 3.5). */
export const CATALOG_NAME = "boot.catalog";
export const DEFAULT_DIRECTORY_MODE = 0o555;
export const DEFAULT_FILE_MODE = 0o444;
/** Longest real name in bytes, the limit of Linux. */
const MAX_NAME_BYTES = 255;
/**
 * Deepest directory; bounds the recursion. ECMA-119 6.8.2.1 allows 8 levels, but xorriso writes deeper
 * ones without relocating them and readers of Rock Ridge follow, so an image cache may be as deep as it is.
 */
export const MAX_DEPTH = 64;

/** Refuses names that no POSIX path element can have. */
export function checkName(name: string, path: string): void {
  const bytes = utf8(name).length;
  const good = name !== "" && name !== "." && name !== ".." && bytes <= MAX_NAME_BYTES && name.isWellFormed();
  if (!good || /[/\0]/.test(name)) {
    throw new IsoError(
      "name_invalid",
      `iso9660: ${path.slice(0, 400)}: not a file name of 1 to ${MAX_NAME_BYTES} bytes`,
    );
  }
}

/** Gives back permission bits, or refuses what has others. */
export function checkMode(mode: number, path: string): number {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) {
    throw new IsoError("mode_invalid", `iso9660: ${path}: mode ${mode} is not within 07777`);
  }
  return mode;
}

/** Refuses volume fields that their descriptors cannot hold. */
export function checkVolume({ volumeId, volumeSetId = "", preparerId = "" }: IsoImage): void {
  if (!/^[A-Z0-9_]{0,32}$/.test(volumeId)) {
    throw new IsoError(
      "volume_id_invalid",
      `iso9660 volume id: "${volumeId.slice(0, 80)}" is not 0 to 32 of A-Z 0-9 _`,
    );
  }
  for (const [field, value] of Object.entries({ volumeSetId, preparerId })) {
    if (!/^[\x20-\x7e]{0,128}$/.test(value)) {
      throw new IsoError("volume_id_invalid", `iso9660 ${field}: not 0 to 128 printable ASCII characters`);
    }
  }
}
