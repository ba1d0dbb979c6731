import { FactoryError } from "../errors.ts";

export type StoreErrorCode =
  | "blob_missing"
  | "blob_too_large"
  | "blob_mismatch"
  | "store_full"
  | "store_busy"
  | "store_failed"
  | "store_damaged";

export class StoreError extends FactoryError<StoreErrorCode> {}

/** What the file system says when there is no room: on the disk, in a quota, or in one file. */
const FULL: readonly (string | undefined)[] = ["ENOSPC", "EDQUOT", "EFBIG"];
/** What it says when too many files are open. */
const BUSY: readonly (string | undefined)[] = ["EMFILE", "ENFILE"];

/** Wraps what the file system says; what passes by itself has a code of its own: a full disk, too many open files. */
export function storeFailure(what: string, cause: unknown): StoreError {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  if (FULL.includes(code)) return new StoreError("store_full", `${what}: no space left`, { cause });
  if (BUSY.includes(code)) return new StoreError("store_busy", `${what}: too many open files`, { cause });
  return new StoreError("store_failed", `${what}: ${code ?? "failed"}`, { cause });
}
