import { type Digest, Sha256Stream } from "../bytes/digest.ts";
import type { BlobRef } from "../extents/index.ts";
import { StoreError, storeFailure } from "./errors.ts";
import { discard, publish, type TemporaryFile, writeFully } from "./files.ts";
import type { BlobWriter } from "./ports.ts";

/** Writes a temporary file that becomes the blob its bytes hash to. */
export class LocalWriter implements BlobWriter {
  readonly #temporary: TemporaryFile;
  readonly #maxBytes: number;
  readonly #target: (digest: Digest) => string;
  readonly #hash = new Sha256Stream();
  #size = 0;

  constructor(temporary: TemporaryFile, maxBytes: number, target: (digest: Digest) => string) {
    this.#temporary = temporary;
    this.#maxBytes = maxBytes;
    this.#target = target;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#size + bytes.length > this.#maxBytes) {
      throw new StoreError("blob_too_large", `blob: more than the allowed ${this.#maxBytes} bytes`);
    }
    try {
      await writeFully(this.#temporary, bytes, this.#size);
    } catch (cause) {
      throw storeFailure("new blob", cause);
    }
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }

  async commit(expected?: BlobRef): Promise<BlobRef> {
    const made: BlobRef = { digest: this.#hash.digest(), size: this.#size };
    if (expected && (expected.digest !== made.digest || expected.size !== made.size)) {
      await this.abort();
      throw new StoreError(
        "blob_mismatch",
        `blob: got ${made.size} bytes with ${made.digest}, expected ${expected.size} bytes with ${expected.digest}`,
      );
    }
    try {
      await publish(this.#temporary, this.#target(made.digest));
    } catch (cause) {
      await this.abort();
      throw storeFailure("new blob", cause);
    }
    return made;
  }

  abort(): Promise<void> {
    return discard(this.#temporary);
  }
}
