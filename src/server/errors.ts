import { FactoryError } from "../errors.ts";

/** What the client is told. `message` undefined means nothing is written: nobody reads it any more. */
export interface HttpFailure {
  readonly status: number;
  readonly message: string | undefined;
}

/** The only place where an error code meets an HTTP status (factory.md 1.2). Codes that are not here are 500. */
const STATUS: Readonly<Record<string, number>> = {
  schematic_invalid: 400,
  path_invalid: 400,
  arch_invalid: 400,
  platform_unknown: 400,
  version_invalid: 400,
  meta_invalid: 400,
  bootloader_invalid: 400,
  sector_size_invalid: 400,
  tag_invalid: 400,
  values_too_large: 400,
  extension_unavailable: 400,
  overlay_unavailable: 400,
  unsupported_version: 400,
  profile_invalid: 400,
  profile_unsupported: 400,
  disk_size_invalid: 400,
  disk_too_small: 400,
  disk_format_invalid: 400,
  table_too_large: 400,
  vhd_too_large: 400,
  vmdk_too_large: 400,
  owner_refused: 400,
  schematic_not_found: 404,
  version_unavailable: 404,
  asset_missing: 404,
  cancelled: 499,
  not_built: 501,
  grub_missing: 501,
  overloaded: 503,
  store_busy: 503,
  store_full: 507,
};

/** Failures of what the server depends on: the reason is fit to be shown, the status is still 500. */
const SHOWN = new Set([
  "verification_failed",
  "digest_mismatch",
  "size_mismatch",
  "too_large",
  "malformed",
  "denied",
  "unreachable",
  "not_found",
  "catalog_missing",
  "extension_invalid",
  "extension_incompatible",
  "overlay_invalid",
  "overlay_failed",
]);

/** What to answer for anything a handler throws. Texts of unknown errors stay in the log. */
export function httpFailure(thrown: unknown): HttpFailure {
  const internal: HttpFailure = { status: 500, message: "internal server error" };
  if (!(thrown instanceof FactoryError)) return clientFault(thrown) ?? internal;
  const status = STATUS[thrown.code];
  if (status === 499) return { status, message: undefined };
  if (thrown.code === "store_busy") return { status: 503, message: "too many files are open" };
  if (status === 507) return { status, message: "the server's data folder is full" };
  if (status !== undefined) return { status, message: thrown.message };
  return SHOWN.has(thrown.code) ? { status: 500, message: thrown.message } : internal;
}

/** Requests that the HTTP framework refuses itself, such as a body that ends early. */
function clientFault(thrown: unknown): HttpFailure | undefined {
  const { statusCode, code, message } = (thrown ?? {}) as { statusCode?: unknown; code?: unknown; message?: unknown };
  if (typeof code !== "string" || !code.startsWith("FST_ERR_") || typeof message !== "string") return undefined;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return { status: 400, message: "schematic: the body is too large" };
  return typeof statusCode === "number" && statusCode < 500 ? { status: statusCode, message } : undefined;
}
