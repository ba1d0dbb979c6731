import { type Digest, Sha256Stream, sha256 } from "../bytes/digest.ts";
import { concatBytes } from "../bytes/text.ts";
import { SourceError } from "./errors.ts";

/**
 * The one door for foreign bytes: passes on what comes from `source`, counts and hashes it. The latest chunk is held
 * back until the next one or the verdict, so nobody ever has all bytes of a blob that turns out wrong. Throws
 * `size_mismatch` as soon as there are too many bytes, or at the end when there are too few, and `digest_mismatch`.
 */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  expected: { readonly digest: Digest; readonly size: number },
): AsyncGenerator<Uint8Array> {
  const hash = new Sha256Stream();
  let held: Uint8Array | undefined;
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > expected.size) {
      throw new SourceError(
        "size_mismatch",
        `blob ${expected.digest}: longer than the ${expected.size} bytes promised`,
      );
    }
    hash.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (size !== expected.size) {
    throw new SourceError("size_mismatch", `blob ${expected.digest}: ${size} of ${expected.size} bytes arrived`);
  }
  const digest = hash.digest();
  if (digest !== expected.digest) {
    throw new SourceError("digest_mismatch", `blob ${expected.digest}: the bytes have digest ${digest}`);
  }
  if (held) yield held;
}

/** All bytes of `source` in one array. Throws `too_large` at the first byte beyond `limit`; `what` opens the message. */
export async function collect(source: AsyncIterable<Uint8Array>, limit: number, what: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > limit) throw new SourceError("too_large", `${what}: more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return concatBytes(...chunks);
}

/** Gives `bytes` back when they have that digest; throws `digest_mismatch`. */
export function checkDigest(bytes: Uint8Array, expected: Digest, what: string): Uint8Array {
  const digest = sha256(bytes);
  if (digest !== expected) {
    throw new SourceError("digest_mismatch", `${what}: expected ${expected}, the bytes have ${digest}`);
  }
  return bytes;
}
