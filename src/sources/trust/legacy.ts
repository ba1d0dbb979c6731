import { type KeyObject, verify } from "node:crypto";
import { type Digest, digestHex } from "../../bytes/digest.ts";
import { type Descriptor, isManifestType, parseManifest } from "../../formats/oci/index.ts";
import { isNotFound, parsing, SourceError } from "../errors.ts";
import type { ImageSource } from "../source.ts";
import { collect } from "../verify.ts";
import { signedDigest } from "./payload.ts";
import { type Evidence, keyId, type SignatureHash } from "./policy.ts";

/** cosign specs/SIGNATURE_SPEC.md: where a signature hangs and how it is kept. */
export const SIMPLE_SIGNING_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";
export const SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature";

/** Signatures looked at per image, bytes of one payload, characters of one base64 signature (RSA 8192 has 1368). */
const MAX_SIGNATURES = 64;
const PAYLOAD_BYTES = 64 * 1024;
const SIGNATURE_LENGTH = 4096;

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The tag under which cosign keeps the signatures of an image. */
export function signatureTag(digest: Digest): string {
  return `sha256-${digestHex(digest)}.sig`;
}

/** Step 1: the signature image, at the tag that the image's digest determines. */
async function signatureLayers(source: ImageSource, repository: string, digest: Digest): Promise<Descriptor[]> {
  const tag = signatureTag(digest);
  const found = await source.resolve(repository, tag).catch((cause: unknown) => {
    if (!isNotFound(cause)) throw cause;
    throw new SourceError("verification_failed", "no signatures found", { cause });
  });
  if (!isManifestType(found.mediaType)) {
    throw new SourceError("verification_failed", `${tag}: "${found.mediaType}" is no image manifest`);
  }
  const bytes = await source.manifest(repository, found.digest);
  const manifest = parsing(tag, () => parseManifest(bytes, found.mediaType));
  const layers = manifest.layers.filter((layer) => layer.mediaType === SIMPLE_SIGNING_TYPE);
  if (layers.length === 0) throw new SourceError("verification_failed", "no signatures found");
  if (layers.length > MAX_SIGNATURES) {
    throw new SourceError("too_large", `${tag}: ${layers.length} signatures, at most ${MAX_SIGNATURES} are read`);
  }
  return layers;
}

/** Step 2: the signature of one layer, decoded. */
function signatureOf(layer: Descriptor): Uint8Array {
  const text = layer.annotations?.[SIGNATURE_ANNOTATION];
  if (text === undefined) throw new SourceError("malformed", "signature layer: has no signature annotation");
  if (text.length > SIGNATURE_LENGTH || !BASE64.test(text)) {
    throw new SourceError("malformed", "signature layer: its signature is not base64");
  }
  return Buffer.from(text, "base64");
}

/** Step 3: the signed bytes, checked against the manifest. */
async function payloadOf(source: ImageSource, repository: string, layer: Descriptor): Promise<Uint8Array> {
  if (layer.size > PAYLOAD_BYTES) {
    throw new SourceError("too_large", `signature payload: ${layer.size} bytes, at most ${PAYLOAD_BYTES} are read`);
  }
  return collect(source.blob(repository, layer), PAYLOAD_BYTES, "signature payload");
}

/** Step 4: the key that made the signature. */
function signer(
  payload: Uint8Array,
  signature: Uint8Array,
  keys: readonly KeyObject[],
  hash: SignatureHash,
): KeyObject {
  const key = keys.find((candidate) => {
    const algorithm = candidate.asymmetricKeyType === "ed25519" ? null : hash;
    return verify(algorithm, payload, candidate, signature);
  });
  if (!key) throw new SourceError("verification_failed", "the signature is not by a trusted key");
  return key;
}

/** Step 5: the statement must be about this image, not about another one the same key has signed. */
function checkSubject(payload: Uint8Array, digest: Digest): void {
  const signed = signedDigest(payload);
  if (signed !== digest) throw new SourceError("verification_failed", `the signature is for another image, ${signed}`);
}

async function verifyLayer(
  source: ImageSource,
  repository: string,
  digest: Digest,
  layer: Descriptor,
  trusted: { readonly keys: readonly KeyObject[]; readonly hash: SignatureHash },
): Promise<Evidence> {
  const signature = signatureOf(layer);
  const payload = await payloadOf(source, repository, layer);
  const key = signer(payload, signature, trusted.keys, trusted.hash);
  checkSubject(payload, digest);
  return { method: "legacy: public key", keyId: keyId(key) };
}

/** Failures of the way there, not of the signature: another signature cannot make up for them. */
function isTransport(thrown: unknown): boolean {
  return !(thrown instanceof SourceError) || thrown.code === "unreachable" || thrown.code === "denied";
}

/**
 * Checks cosign's first signature format (factory.md 5.3) over `digest`, and, stricter than the reference, that the
 * signed payload names this digest. One good signature among several is enough. Throws `verification_failed` with
 * the reason of each signature; errors of transport pass through.
 */
export async function verifyLegacy(
  source: ImageSource,
  repository: string,
  digest: Digest,
  trusted: { readonly keys: readonly KeyObject[]; readonly hash: SignatureHash },
): Promise<Evidence> {
  const reasons: SourceError[] = [];
  for (const layer of await signatureLayers(source, repository, digest)) {
    try {
      return await verifyLayer(source, repository, digest, layer, trusted);
    } catch (thrown) {
      if (isTransport(thrown)) throw thrown;
      reasons.push(thrown as SourceError);
    }
  }
  throw new SourceError("verification_failed", reasons.map((reason) => reason.message).join("; "), {
    cause: reasons[0],
  });
}
