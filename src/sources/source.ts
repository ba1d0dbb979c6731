import type { Digest } from "../bytes/digest.ts";

/** A blob as a manifest names it; plain data that may cross threads. */
export interface BlobDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * Where images come from. Everything it gives is foreign: `manifest` and `blob` are checked against the digest that
 * was asked for, `tags` and `resolve` are claims that only a signature makes true.
 *
 * Errors of every method: `reference_invalid`, `not_found`, `denied`, `unreachable`, `malformed`, `too_large`.
 */
export interface ImageSource {
  /** The tags of a repository, in no particular order. */
  tags(repository: string): Promise<readonly string[]>;
  /** What a tag points at now, or what a digest is: a manifest or an index. */
  resolve(repository: string, tagOrDigest: string): Promise<BlobDescriptor>;
  /** A manifest or index of at most 4 MiB whose digest was checked (`digest_mismatch`). */
  manifest(repository: string, digest: Digest): Promise<Uint8Array>;
  /**
   * The bytes of a blob. Never more than `size` bytes are passed on, and the last of them only after size and digest
   * were found right; else the iteration ends with `size_mismatch` or `digest_mismatch`.
   */
  blob(repository: string, descriptor: BlobDescriptor): AsyncIterable<Uint8Array>;
}
