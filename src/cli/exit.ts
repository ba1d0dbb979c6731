/** What the process says in the end: the only place where an error code meets an exit code (imager.md 2.4). */
import { FactoryError } from "../errors.ts";

const INVALID_INPUT = 2;
const UNSUPPORTED = 3;
const DEPENDENCY = 5;
const IO = 6;
const INSTALL = 7;
const OTHER = 1;

/** Codes that are not here are of the parts an output is made of, and `DEPENDENCY`. */
const EXIT: Readonly<Record<string, number>> = {
  usage_invalid: OTHER,
  cancelled: OTHER,
  profile_invalid: INVALID_INPUT,
  profile_unsupported: INVALID_INPUT,
  platform_unknown: INVALID_INPUT,
  arch_invalid: INVALID_INPUT,
  epoch_invalid: INVALID_INPUT,
  not_built: UNSUPPORTED,
  format_unsupported: UNSUPPORTED,
  unsupported_version: UNSUPPORTED,
  file_unreadable: IO,
  output_failed: IO,
  store_failed: IO,
  store_full: IO,
  store_busy: IO,
  store_damaged: IO,
  blob_missing: IO,
  bootloader_invalid: INSTALL,
  sector_size_invalid: INSTALL,
  disk_size_invalid: INSTALL,
  disk_too_small: INSTALL,
  tag_invalid: INSTALL,
  values_too_large: INSTALL,
};

/** The exit code for anything that ends a run; never 0. */
export function exitCode(thrown: unknown): number {
  return thrown instanceof FactoryError ? (EXIT[thrown.code] ?? DEPENDENCY) : OTHER;
}
