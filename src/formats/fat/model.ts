import { FactoryError } from "../../errors.ts";
import type { Recipe } from "../../extents/index.ts";

export type FatErrorCode =
  | "volume_size"
  | "label_invalid"
  | "time_range"
  | "name_invalid"
  | "name_duplicate"
  | "file_too_large"
  | "directory_too_large"
  | "too_deep"
  | "no_space";

/** What the FAT writer refuses; messages name the path or field. */
export class FatError extends FactoryError<FatErrorCode> {}

/** A file or directory of the tree. Names are single path elements; case is kept as given. */
export type FatEntry =
  | { readonly $case: "directory"; readonly name: string; readonly children: readonly FatEntry[] }
  | { readonly $case: "file"; readonly name: string; readonly content: Recipe; readonly readOnly?: boolean };

/** A tree to write, and the one time it gets. */
export interface FatTree {
  /** Time of every file and directory, in seconds since 1970, UTC; FAT holds 1980 to 2107 in steps of two seconds. */
  readonly mtime: number;
  readonly tree: readonly FatEntry[];
}

/** A FAT32 volume to write. */
export interface FatVolume extends FatTree {
  /** Size of the whole image in bytes; sectors beyond the last full one stay zero. */
  readonly sizeBytes: number;
  /** 512 (default), 1024, 2048 or 4096 bytes. */
  readonly sectorSize?: number;
  /** 1 to 11 characters of A-Z, 0-9, space, `_` and `-`. */
  readonly label: string;
  /** A power of two from 1 to 128; default by volume size (outputs.md 2.8). */
  readonly sectorsPerCluster?: number;
}

/** Longest long name in UTF-16 units (FAT spec 1.03, "Long Directory Entries"). */
const MAX_NAME_UNITS = 255;
/** Largest file: its size is a 32-bit field. */
export const MAX_FILE_BYTES = 2 ** 32 - 1;
/** Most slots in a directory: 2 MiB of them (FAT spec 1.03, "FAT Directory Structure"). */
export const MAX_DIRECTORY_SLOTS = 65536;
/** Deepest directory; bounds the recursion. Paths longer than 260 characters could not be opened elsewhere anyway. */
export const MAX_DEPTH = 64;

const BAD_CHARACTERS = /[\x00-\x1f\x7f"*/:<>?\\|]/;

/** Refuses what a long name cannot hold or what readers would change. `path` is for the message. */
export function checkName(name: string, path: string): void {
  const refuse = (reason: string): never => {
    throw new FatError("name_invalid", `fat: ${path}: ${reason}`);
  };
  if (name === "" || name === "." || name === "..") refuse("is not a file name");
  if (name.length > MAX_NAME_UNITS) refuse(`name is longer than ${MAX_NAME_UNITS} characters`);
  if (BAD_CHARACTERS.test(name)) refuse("name has a character that FAT reserves");
  if (!name.isWellFormed()) refuse("name is not well-formed Unicode");
  if (/[. ]$/.test(name)) refuse("name ends in a dot or space, which FAT readers strip");
}

/** Refuses labels that mkfs.fat would change or warn about. */
export function checkLabel(label: string): void {
  if (!/^[A-Z0-9_-][A-Z0-9 _-]{0,10}$/.test(label)) {
    throw new FatError("label_invalid", `fat label: "${label.slice(0, 40)}" is not 1 to 11 of A-Z 0-9 space _ -`);
  }
}

/** A FAT time stamp. */
export interface FatStamp {
  readonly date: number;
  readonly time: number;
}

/** Seconds since 1970 as FAT date and time in UTC (FAT spec 1.03, "Date and Time Formats"). Throws `time_range`. */
export function fatStamp(mtime: number): FatStamp {
  const at = new Date(mtime * 1000);
  const year = at.getUTCFullYear();
  if (!Number.isInteger(mtime) || !(year >= 1980 && year <= 2107)) {
    throw new FatError("time_range", `fat mtime: ${mtime} is not a second between 1980 and 2107`);
  }
  return {
    date: ((year - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}
