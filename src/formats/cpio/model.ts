import { FactoryError } from "../../errors.ts";
import type { Recipe } from "../../extents/index.ts";

export type CpioErrorCode =
  | "entry_invalid"
  | "entry_duplicate"
  | "archive_malformed"
  | "archive_truncated"
  | "limit_exceeded";

export class CpioError extends FactoryError<CpioErrorCode> {}

interface CpioEntryBase {
  /** Relative, `/` between the parts, no `.` or `..` part, no slash at either end. */
  readonly path: string;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. Symlinks usually carry 0o777. */
  readonly mode: number;
  /** Seconds since 1970, 0 to 2^32-1. */
  readonly mtime: number;
}

/** One member of an archive to write. */
export type CpioEntry = CpioEntryBase &
  (
    | { readonly $case: "directory" }
    | { readonly $case: "file"; readonly body: Recipe }
    | { readonly $case: "symlink"; readonly target: string }
  );

export interface CpioOptions {
  /** Inode number of the first member, counted up from there; 0 unless given. Lets concatenated archives use disjoint numbers. */
  readonly firstInode?: number;
}

/** One record of an archive that is being read. */
export interface CpioRecord {
  readonly path: string;
  readonly type: "directory" | "file" | "symlink" | "block" | "char" | "fifo" | "socket";
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly mtime: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** Bytes of body. */
  readonly size: number;
  /** The body, once; a symlink's target is its body. What is not consumed is skipped when the next record is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** What a reader accepts before it gives up with `limit_exceeded`. */
export interface CpioLimits {
  /** Records over all concatenated archives, trailers included. */
  readonly maxEntries: number;
  /** Bytes of one body. */
  readonly maxFileBytes: number;
  /** Bytes of input. */
  readonly maxTotalBytes: number;
}
