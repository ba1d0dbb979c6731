import type { Digest } from "../../bytes/digest.ts";
import { SourceError } from "../errors.ts";
import type { ImageSource } from "../source.ts";
import { verifyLegacy } from "./legacy.ts";
import type { Evidence, TrustPolicy } from "./policy.ts";

/**
 * Answers for an image by digest, before anything behind that digest is read: gives the evidence or throws
 * `verification_failed`. There is no result a caller could ignore.
 */
export async function verifyImage(
  source: ImageSource,
  repository: string,
  digest: Digest,
  policy: TrustPolicy,
): Promise<Evidence> {
  if (policy.$case === "disabled") return { method: "verification disabled" };
  try {
    return await verifyLegacy(source, repository, digest, policy);
  } catch (cause) {
    if (!(cause instanceof SourceError) || cause.code === "unreachable" || cause.code === "denied") throw cause;
    const message = `failed to verify image signature for ${repository}@${digest}: ${cause.message}`;
    throw new SourceError("verification_failed", message, { cause });
  }
}
