import { FactoryError } from "../errors.ts";

/**
 * - `usage_invalid`: arguments or settings that make no command
 * - `epoch_invalid`: a `SOURCE_DATE_EPOCH` that is no number
 * - `format_unsupported`: a disk format that nobody names
 * - `file_unreadable`: a file that a flag or setting names, or that would have been the output as it is
 * - `output_failed`: the output folder or standard output
 */
export type CliErrorCode =
  | "usage_invalid"
  | "epoch_invalid"
  | "format_unsupported"
  | "file_unreadable"
  | "output_failed";

export class CliError extends FactoryError<CliErrorCode> {}
