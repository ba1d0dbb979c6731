import { GiB, MiB } from "../../bytes/align.ts";
import type { Guid } from "../../bytes/guid.ts";
import { utf8 } from "../../bytes/text.ts";
import { FactoryError } from "../../errors.ts";
import type { Recipe } from "../../extents/index.ts";

export type Ext4ErrorCode =
  | "volume_size"
  | "label_invalid"
  | "time_range"
  | "mode_invalid"
  | "name_invalid"
  | "name_duplicate"
  | "target_invalid"
  | "too_deep"
  | "too_many_entries"
  | "no_space";

/** What the ext4 writer refuses; messages name the path or field. */
export class Ext4Error extends FactoryError<Ext4ErrorCode> {}

/**
 * A node of the tree; everything belongs to 0:0. Names are single path elements, modes permission bits (0 to 0o7777);
 * symbolic links always have 0777.
 */
export type Ext4Entry =
  | {
      readonly $case: "directory";
      readonly name: string;
      readonly mode: number;
      readonly children: readonly Ext4Entry[];
    }
  | { readonly $case: "file"; readonly name: string; readonly mode: number; readonly content: Recipe }
  | { readonly $case: "symlink"; readonly name: string; readonly target: string };

/** What decides how much room a tree takes. */
export interface Ext4Contents {
  /** 512 (default) or 4096 bytes; 4096 makes the blocks as large on small volumes too (outputs.md 2.12). */
  readonly sectorSize?: 512 | 4096;
  /** What the root holds besides `lost+found`, in any order. */
  readonly tree: readonly Ext4Entry[];
}

/** An ext4 file system to write. */
export interface Ext4Volume extends Ext4Contents {
  /** Size of the whole image in bytes; what is left after the last full 4096 stays zero. */
  readonly sizeBytes: number;
  /** Up to 16 ASCII characters. */
  readonly label: string;
  /** Also the seed of directory hashes. */
  readonly uuid: Guid;
  /** Every time in the file system, in seconds since 1970, UTC. */
  readonly mtime: number;
}

export const MIN_VOLUME_BYTES = MiB;
/** From here on mke2fs.conf chooses other parameters (type `big`), which nothing needs. */
export const MAX_VOLUME_BYTES = 4096 * GiB - MiB;
/** Last second that 34 bits based at -2^31 hold: 2446-05-10 ("Inode Timestamps"). */
const MAX_TIME = 2 ** 34 - 2 ** 31 - 1;
/** EXT4_NAME_LEN. */
const MAX_NAME_BYTES = 255;
/** The longest that fits into a block of 1024 bytes with its NUL. */
const MAX_TARGET_BYTES = 1023;
/** Deepest directory; bounds the recursion. Much deeper ones would not fit PATH_MAX. */
export const MAX_DEPTH = 256;
/** Most entries of a tree; bounds memory (a few hundred bytes each). */
export const MAX_ENTRIES = 250_000;

/** Refuses sizes, labels and times that a superblock cannot hold. */
export function checkVolume({ sizeBytes, label, mtime }: Ext4Volume): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < MIN_VOLUME_BYTES || sizeBytes > MAX_VOLUME_BYTES) {
    throw new Ext4Error(
      "volume_size",
      `ext4 size: ${sizeBytes} is not from ${MIN_VOLUME_BYTES} to ${MAX_VOLUME_BYTES} bytes`,
    );
  }
  if (!/^[\x20-\x7e]{0,16}$/.test(label)) {
    throw new Ext4Error("label_invalid", `ext4 label: "${label.slice(0, 40)}" is not up to 16 ASCII characters`);
  }
  if (!Number.isInteger(mtime) || mtime < 0 || mtime > MAX_TIME) {
    throw new Ext4Error("time_range", `ext4 mtime: ${mtime} is not a second between 1970 and 2446`);
  }
}

/** The bytes of a name. Throws `name_invalid` for what no path element can be; `path` is for the message. */
export function nameBytes(name: string, path: string): Uint8Array {
  const refuse = (reason: string): never => {
    throw new Ext4Error("name_invalid", `ext4: ${path}: ${reason}`);
  };
  if (name === "" || name === "." || name === "..") refuse("is not a file name");
  if (/[/\0]/.test(name)) refuse("name has a slash or NUL");
  if (!name.isWellFormed()) refuse("name is not well-formed Unicode");
  const bytes = utf8(name);
  if (bytes.length > MAX_NAME_BYTES) refuse(`name is longer than ${MAX_NAME_BYTES} bytes`);
  return bytes;
}

/** The bytes of a symbolic link's target. Throws `target_invalid`. */
export function targetBytes(target: string, path: string): Uint8Array {
  const bytes = utf8(target);
  if (bytes.length === 0 || bytes.length > MAX_TARGET_BYTES || target.includes("\0") || !target.isWellFormed()) {
    throw new Ext4Error(
      "target_invalid",
      `ext4: ${path}: link target is not 1 to ${MAX_TARGET_BYTES} bytes of text without NUL`,
    );
  }
  return bytes;
}

/** Refuses anything but permission bits. */
export function checkMode(mode: number, path: string): void {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) {
    throw new Ext4Error("mode_invalid", `ext4: ${path}: mode ${mode} is not from 0 to 0o7777`);
  }
}
