import { createHash } from "node:crypto";
import { FactoryError } from "../errors.ts";

/** A content address as OCI writes it: `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}` & { readonly __brand: "Digest" };

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Checks `text` and brands it. Throws `digest_invalid` for any other algorithm or spelling. */
export function parseDigest(text: string): Digest {
  if (!DIGEST.test(text)) {
    throw new FactoryError("digest_invalid", `digest: expected sha256:<64 lower-case hex>, got "${text.slice(0, 80)}"`);
  }
  return text as Digest;
}

/** True when `text` is a well-formed digest. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && DIGEST.test(text);
}

/** The 64 hex digits of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/** The 32 bytes of a digest. */
export function digestBytes(digest: Digest): Uint8Array {
  return Uint8Array.from(digestHex(digest).match(/../g)!, (hex) => Number.parseInt(hex, 16));
}

/** Digest of bytes (or of UTF-8 text) held in memory. */
export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
}

/** A running digest: `update` any number of times, then `digest` once. */
export class Sha256Stream {
  readonly #hash = createHash("sha256");

  update(bytes: Uint8Array | string): this {
    this.#hash.update(bytes);
    return this;
  }

  digest(): Digest {
    return `sha256:${this.#hash.digest("hex")}` as Digest;
  }
}
