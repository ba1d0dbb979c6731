import { utf8 } from "../../bytes/text.ts";
import { FactoryError } from "../../errors.ts";
import type { Recipe } from "../../extents/index.ts";

export type IsoErrorCode =
  | "volume_id_invalid"
  | "time_range"
  | "name_invalid"
  | "name_duplicate"
  | "mode_invalid"
  | "target_invalid"
  | "too_deep"
  | "too_many_directories"
  | "boot_entry_invalid"
  | "image_too_large";

/** What the ISO 9660 writer refuses; messages name the path or field. */
export class IsoError extends FactoryError<IsoErrorCode> {}

/**
 * A file, directory or symbolic link of the tree. `mode` holds permission bits, by default 0444, 0555 and 0777; the owner
 * is 0:0.
 */
export type IsoEntry =
  | {
      readonly $case: "directory";
      readonly name: string;
      readonly mode?: number;
      readonly children: readonly IsoEntry[];
    }
  | { readonly $case: "file"; readonly name: string; readonly mode?: number; readonly content: Recipe }
  | { readonly $case: "symlink"; readonly name: string; readonly mode?: number; readonly target: string };

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
  /**
   * The EFI system partition, written behind the file system as partition 2; partition 1 is then the file
   * system with descriptors of its own. Without it `grubBoot` is needed, and an EFI entry names a file.
   */
  readonly appendedPartition?: Recipe;
  /**
   * GRUB's boot sector for hybrid images (`boot_hybrid.img`, 512 bytes). The first boot entry must then be
   * GRUB's El Torito image, a file held in memory: both get told where it stands, and partitions are in a
   * GPT. Without it there is no boot code, and a plain MBR.
   */
  readonly grubBoot?: Uint8Array;
}

/** Name of the boot catalog in the root directory (outputs.md 3.5). */
export const CATALOG_NAME = "boot.catalog";
export const DEFAULT_DIRECTORY_MODE = 0o555;
export const DEFAULT_FILE_MODE = 0o444;
export const DEFAULT_LINK_MODE = 0o777;
/** Longest real name in bytes, the limit of Linux. */
const MAX_NAME_BYTES = 255;
/** Longest target of a link in bytes: with the longest name beside it, its entries still fit one continuation area. */
const MAX_TARGET_BYTES = 1023;
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

/** Gives back the target of a link, or refuses what no path can be. */
export function checkTarget(target: string, path: string): string {
  const bytes = utf8(target).length;
  if (bytes === 0 || bytes > MAX_TARGET_BYTES || target.includes("\0") || !target.isWellFormed()) {
    throw new IsoError(
      "target_invalid",
      `iso9660: ${path}: the target is not a path of 1 to ${MAX_TARGET_BYTES} bytes`,
    );
  }
  return target;
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
