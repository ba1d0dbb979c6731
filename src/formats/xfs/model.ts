import type { Guid } from "../../bytes/guid.ts";
import { utf8 } from "../../bytes/text.ts";
import { FactoryError } from "../../errors.ts";
import type { Recipe } from "../../extents/index.ts";

export type XfsErrorCode =
  | "volume_size"
  | "label_invalid"
  | "time_range"
  | "mode_invalid"
  | "name_invalid"
  | "name_duplicate"
  | "directory_too_large"
  | "too_deep"
  | "too_fragmented"
  | "no_space";

/** What the XFS writer refuses; messages name the path or field. */
export class XfsError extends FactoryError<XfsErrorCode> {}

/** The options file of mkfs.xfs whose features are used (outputs.md 1.3, 2.9.4). */
export type XfsFeatureSet = "lts_6.1" | "lts_6.6" | "lts_6.12" | "lts_6.18";

/** Files and directories of one directory. Names are single path elements; modes are permission bits, 0 to 0o7777. */
export type XfsEntry =
  | {
      readonly $case: "directory";
      readonly name: string;
      readonly mode: number;
      readonly children: readonly XfsEntry[];
    }
  | { readonly $case: "file"; readonly name: string; readonly mode: number; readonly content: Recipe };

/** An XFS file system to write. */
export interface XfsVolume {
  /** Size of the whole image in bytes; what is left behind the last full block stays zero. */
  readonly sizeBytes: number;
  /** 512 (default) or 4096 bytes. */
  readonly sectorSize?: number;
  /** 1 to 12 printable ASCII characters without spaces. */
  readonly label: string;
  readonly uuid: Guid;
  readonly features: XfsFeatureSet;
  /** Time of every inode, in seconds since 1970. */
  readonly mtime: number;
  /** Permission bits of the root directory. */
  readonly rootMode: number;
  readonly tree: readonly XfsEntry[];
}

/** Longest name in bytes: with one more the parent attribute would need a block of its own. */
const MAX_NAME_BYTES = 254;
/** Deepest directory; bounds the recursion. */
export const MAX_DEPTH = 64;
/** Last second a 64-bit count of nanoseconds from 1901 on holds (XFS "Timestamps", bigtime). */
const MAX_TIME = 16_299_260_424;
const MAX_MODE = 0o7777;

/** The bytes of a name. Throws `name_invalid`, naming `path`, for what is no name of a file. */
export function nameBytes(name: string, path: string): Uint8Array {
  const refuse = (reason: string): never => {
    throw new XfsError("name_invalid", `xfs: ${path}: ${reason}`);
  };
  if (name === "" || name === "." || name === "..") refuse("is not a file name");
  if (/[/\0]/.test(name)) refuse("name has a slash or a zero byte");
  if (!name.isWellFormed()) refuse("name is not well-formed Unicode");
  const bytes = utf8(name);
  if (bytes.length > MAX_NAME_BYTES) refuse(`name is longer than ${MAX_NAME_BYTES} bytes`);
  return bytes;
}

/** Throws `mode_invalid` unless `mode` is permission bits. */
export function checkMode(mode: number, path: string): void {
  if (!Number.isInteger(mode) || mode < 0 || mode > MAX_MODE) {
    throw new XfsError("mode_invalid", `xfs: ${path}: mode ${mode} is not 0 to 0o7777`);
  }
}

/** Throws `label_invalid` or `time_range` for what the superblock or an inode cannot hold. */
export function checkFields({ label, mtime }: XfsVolume): void {
  if (!/^[!-~]{1,12}$/.test(label)) {
    throw new XfsError("label_invalid", `xfs label: "${label.slice(0, 40)}" is not 1 to 12 printable characters`);
  }
  if (!Number.isInteger(mtime) || mtime < 0 || mtime > MAX_TIME) {
    throw new XfsError("time_range", `xfs mtime: ${mtime} is not a second between 1970 and 2486`);
  }
}
