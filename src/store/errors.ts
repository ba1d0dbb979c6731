import { FactoryError } from "../errors.ts";

export type StoreErrorCode =
  | "blob_missing"
  | "blob_too_large"
  | "blob_mismatch"
  | "store_full"
  | "store_failed"
  | "store_damaged";

export class StoreError extends FactoryError<StoreErrorCode> {}

/** Wraps what the file system says; a full disk has a code of its own, because it passes by itself. */
export function storeFailure(what: string, cause: unknown): StoreError {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  if (code === "ENOSPC" || code === "EDQUOT") return new StoreError("store_full", `${what}: no space left`, { cause });
  return new StoreError("store_failed", `${what}: ${code ?? "failed"}`, { cause });
}
