import type { Digest } from "../bytes/digest.ts";
import type { BlobRef } from "../extents/index.ts";
import type { BlobLease } from "./ports.ts";

/** Holds one blob; undefined when it is not in the store with its size. The function it gives lets go of it. */
export type Pin = (blob: BlobRef) => Promise<(() => void) | undefined>;

/** What one user holds, each blob once. */
export class LocalLease implements BlobLease {
  readonly #pin: Pin;
  readonly #held = new Map<Digest, () => void>();
  #over = false;

  constructor(pin: Pin) {
    this.#pin = pin;
  }

  async hold(blobs: Iterable<BlobRef>): Promise<boolean> {
    // What is held already is looked at too: its name may be gone, which readers in other threads need.
    const asked = [...blobs];
    const pinned = await Promise.allSettled(asked.map((blob) => this.#pin(blob)));
    for (const [i, result] of pinned.entries()) {
      if (result.status === "fulfilled" && result.value) this.#keep(asked[i]!.digest, result.value);
    }
    for (const result of pinned) if (result.status === "rejected") throw result.reason;
    return pinned.every((result) => result.status === "fulfilled" && result.value !== undefined);
  }

  release(): void {
    this.#over = true;
    for (const letGo of this.#held.values()) letGo();
    this.#held.clear();
  }

  #keep(digest: Digest, letGo: () => void): void {
    if (this.#over || this.#held.has(digest)) letGo();
    else this.#held.set(digest, letGo);
  }
}
