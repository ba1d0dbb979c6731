import { type Digest, isDigest } from "../../bytes/digest.ts";
import { utf8 } from "../../bytes/text.ts";
import { SourceError } from "../errors.ts";

/** The statement cosign signs in its first format, "simple signing" (cosign specs/SIGNATURE_SPEC.md). */
const PAYLOAD_TYPE = "cosign container image signature";

/** The bytes to sign for an image: `reference` is the repository with its registry host, without tag. */
export function simpleSigningPayload(reference: string, digest: Digest): Uint8Array {
  return utf8(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": reference },
        image: { "docker-manifest-digest": digest },
        type: PAYLOAD_TYPE,
      },
      optional: null,
    }),
  );
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

/**
 * The digest a signed payload speaks about. Call it only with bytes whose signature was verified.
 * Throws `malformed` for another type of statement or anything that is not one.
 */
export function signedDigest(payload: Uint8Array): Digest {
  let critical: unknown;
  try {
    critical = member(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload)), "critical");
  } catch (cause) {
    throw new SourceError("malformed", "signature payload: not a JSON document", { cause });
  }
  if (member(critical, "type") !== PAYLOAD_TYPE) {
    throw new SourceError("malformed", `signature payload: critical.type is not "${PAYLOAD_TYPE}"`);
  }
  const digest = member(member(critical, "image"), "docker-manifest-digest");
  if (!isDigest(digest)) {
    throw new SourceError("malformed", "signature payload: critical.image.docker-manifest-digest is no sha256 digest");
  }
  return digest;
}
