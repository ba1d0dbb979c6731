/**
 * Whom to trust: signatures of source images.
 *
 * Checked: cosign's first format, a signature image at the tag `sha256-<hex>.sig`, by public keys (ECDSA, RSA,
 * Ed25519). Refused: everything without an acceptable signature over exactly the digest that is used, unless the
 * policy is `disabled`. Limits: 64 signatures per image, payloads of 64 KiB.
 */
export { SIGNATURE_ANNOTATION, SIMPLE_SIGNING_TYPE, signatureTag } from "./legacy.ts";
export { simpleSigningPayload } from "./payload.ts";
export { type Evidence, keyId, publicKeyPolicy, type SignatureHash, type TrustPolicy } from "./policy.ts";
export { verifyImage } from "./verify.ts";
