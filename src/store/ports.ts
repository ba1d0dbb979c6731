import type { Digest } from "../bytes/digest.ts";
import type { BlobFiller, BlobReader, BlobRef } from "../extents/index.ts";

export interface WriteLimits {
  /** Refuse more than this many bytes (`blob_too_large`). */
  readonly maxBytes: number;
}

/** An open write: nothing is visible before `commit`, and nothing stays behind after `abort`. */
export interface BlobWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the blob visible. With `expected`, any other content is refused (`blob_mismatch`) and discarded. */
  commit(expected?: BlobRef): Promise<BlobRef>;
  abort(): Promise<void>;
}

/** Content-addressed blobs. */
export interface BlobStore extends BlobReader, BlobFiller {
  /** Size in bytes, or undefined when the blob is not there. */
  size(digest: Digest): Promise<number | undefined>;
  writer(limits: WriteLimits): Promise<BlobWriter>;
}

/**
 * What one request or job has in use. A held blob is not evicted by this process, and stays readable through this
 * process's store even when another process removes it.
 */
export interface BlobLease {
  /** Holds those of the blobs that are in the store with their sizes until `release`; false when one is not. */
  hold(blobs: Iterable<BlobRef>): Promise<boolean>;
  /** Gives everything up; what is held after that is given up at once. May be called twice. */
  release(): void;
}

/** A blob store whose blobs may be evicted unless they are held. */
export interface LeasedBlobs extends BlobStore {
  lease(): BlobLease;
  /** Keeps whatever is written from now on, by any thread, from being evicted until the function it gives is called. */
  writing(): () => void;
}

/** Small JSON records found by the digest of what they describe. */
export interface RecordStore {
  get(key: Digest): Promise<unknown>;
  put(key: Digest, record: unknown): Promise<void>;
}

/** Schematics by id: canonical YAML text, immutable. */
export interface SchematicStore {
  get(id: string): Promise<string | undefined>;
  put(id: string, canonical: string): Promise<void>;
}
