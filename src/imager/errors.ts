import { FactoryError } from "../errors.ts";

export type ImagerErrorCode =
  | "schematic_not_found"
  | "asset_missing"
  | "not_built"
  | "unsupported_version"
  | "owner_refused"
  | "sector_size_invalid"
  | "disk_size_invalid"
  | "disk_too_small"
  | "disk_format_invalid"
  | "grub_missing"
  | "overlay_failed"
  | "overlay_invalid"
  | "blob_missing";

export class ImagerError extends FactoryError<ImagerErrorCode> {}

/** What this release does not make yet; the message also says what it does make instead. */
export function notBuilt(what: string, instead: string): ImagerError {
  return new ImagerError("not_built", `${what} is not built yet; ${instead}`);
}

/** Puts a prefix before the message of whatever `work` throws, code kept (factory.md 1.2: chains read outermost first). */
export async function prefixed<T>(prefix: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof FactoryError) || cause.code === "cancelled") throw cause;
    throw new FactoryError(cause.code, `${prefix}: ${cause.message}`, { cause });
  }
}
