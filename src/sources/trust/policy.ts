import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { SourceError } from "../errors.ts";

/** Hash of ECDSA and RSA signatures; Ed25519 has its own. */
export type SignatureHash = "sha224" | "sha256" | "sha384" | "sha512";

/** Whom to trust. Keys are injected; nothing here reads files or the environment. */
export type TrustPolicy =
  | { readonly $case: "public-key"; readonly keys: readonly KeyObject[]; readonly hash: SignatureHash }
  | { readonly $case: "disabled" };

/** What a successful verification leaves behind, for logs and records. */
export interface Evidence {
  readonly method: "legacy: public key" | "verification disabled";
  /** SHA-256 of the key's SubjectPublicKeyInfo, hex; absent when nothing was verified. */
  readonly keyId?: string;
}

/** Curves and the least RSA modulus (bits) accepted; what cosign makes and accepts by default. */
const CURVES: readonly (string | undefined)[] = ["prime256v1", "secp384r1", "secp521r1"];
const RSA_BITS = 2048;

function isAcceptable(key: KeyObject): boolean {
  if (key.type !== "public") return false;
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case "ec":
      return CURVES.includes(details?.namedCurve);
    case "rsa":
      return (details?.modulusLength ?? 0) >= RSA_BITS;
    default:
      return key.asymmetricKeyType === "ed25519";
  }
}

/** SHA-256 over the key's SubjectPublicKeyInfo (DER), hex. */
export function keyId(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");
}

/**
 * A policy that accepts signatures of any of the given PEM public keys (ECDSA P-256/384/521, RSA from 2048 bits,
 * Ed25519). Throws `malformed` for anything else, private keys included, and for an empty list.
 */
export function publicKeyPolicy(pems: readonly string[], hash: SignatureHash = "sha256"): TrustPolicy {
  if (pems.length === 0) throw new SourceError("malformed", "trust policy: no public key given");
  const keys = pems.map((pem, i) => {
    // createPublicKey would quietly derive the public half of a private key, which does not belong here.
    if (/PRIVATE KEY/.test(pem)) throw new SourceError("malformed", `trust policy: key ${i} is a private key`);
    try {
      return createPublicKey(pem);
    } catch (cause) {
      throw new SourceError("malformed", `trust policy: key ${i} is not a PEM public key`, { cause });
    }
  });
  const odd = keys.findIndex((key) => !isAcceptable(key));
  if (odd >= 0) throw new SourceError("malformed", `trust policy: key ${odd} is of a kind that is not accepted`);
  return { $case: "public-key", keys, hash };
}
