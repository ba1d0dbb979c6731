import type { Digest } from "../bytes/digest.ts";
import type { BlobReader, BlobRef } from "../extents/index.ts";

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
export interface BlobStore extends BlobReader {
  /** Size in bytes, or undefined when the blob is not there. */
  size(digest: Digest): Promise<number | undefined>;
  writer(limits: WriteLimits): Promise<BlobWriter>;
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
