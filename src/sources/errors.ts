import { FactoryError, messageOf } from "../errors.ts";

/**
 * - `reference_invalid`: an image reference, repository or tag is misspelt
 * - `not_found`: the source has no such repository, tag, manifest or blob
 * - `version_unavailable`: the Talos version is not offered
 * - `verification_failed`: no acceptable signature
 * - `digest_mismatch`, `size_mismatch`: bytes are not those the descriptor promised
 * - `too_large`: beyond a limit
 * - `malformed`: a foreign document, archive or answer breaks its format
 * - `denied`: the registry wants other credentials
 * - `unreachable`: the registry does not answer, or answers with a failure of its own
 * - `extension_unavailable`, `overlay_unavailable`: no such official one for the Talos version
 * - `catalog_missing`: a version that is on offer has no list of extensions or overlays
 */
export type SourceErrorCode =
  | "reference_invalid"
  | "not_found"
  | "version_unavailable"
  | "catalog_missing"
  | "verification_failed"
  | "digest_mismatch"
  | "size_mismatch"
  | "too_large"
  | "malformed"
  | "denied"
  | "unreachable";

export class SourceError extends FactoryError<SourceErrorCode> {}

/** True when `thrown` says that something is simply not there. */
export function isNotFound(thrown: unknown): boolean {
  return thrown instanceof SourceError && thrown.code === "not_found";
}

/** Runs a parser of foreign data; whatever it throws that is no SourceError becomes `malformed` with `what` in front. */
export function parsing<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw cause instanceof SourceError
      ? cause
      : new SourceError("malformed", `${what}: ${messageOf(cause)}`, { cause });
  }
}
