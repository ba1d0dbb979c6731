import { CpioError } from "./model.ts";

/** A forward-only view of a byte stream with a position and a limit; holds one chunk at a time. */
export class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #limit: number;
  #chunk: Uint8Array = new Uint8Array();
  #received = 0;

  /** `limit`: bytes of input after which `limit_exceeded` is thrown. */
  constructor(source: AsyncIterable<Uint8Array>, limit: number) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#limit = limit;
  }

  /** Bytes consumed so far. */
  get position(): number {
    return this.#received - this.#chunk.length;
  }

  /** Exactly `length` bytes, as a copy. Throws `archive_truncated`. */
  async take(length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    let filled = 0;
    for await (const piece of this.upTo(this.position + length)) {
      out.set(piece, filled);
      filled += piece.length;
    }
    return out;
  }

  /** The bytes from here to position `end`, in pieces that share memory with the input. Throws `archive_truncated`. */
  async *upTo(end: number): AsyncGenerator<Uint8Array> {
    while (this.position < end) {
      if (this.#chunk.length === 0 && !(await this.#refill())) {
        throw new CpioError(
          "archive_truncated",
          `cpio: input ends at ${this.position}, ${end - this.position} bytes early`,
        );
      }
      const piece = this.#chunk.subarray(0, end - this.position);
      this.#chunk = this.#chunk.subarray(piece.length);
      if (piece.length > 0) yield piece;
    }
  }

  /** Drops the bytes before position `end`. */
  async skipTo(end: number): Promise<void> {
    for await (const _ of this.upTo(end)) {
      // Only consumed.
    }
  }

  /** Drops zeros; true when something else follows, false at the end of input. */
  async skipZeros(): Promise<boolean> {
    for (;;) {
      const first = this.#chunk.findIndex((byte) => byte !== 0);
      if (first >= 0) {
        this.#chunk = this.#chunk.subarray(first);
        return true;
      }
      this.#chunk = new Uint8Array();
      if (!(await this.#refill())) return false;
    }
  }

  /** Lets the source release what it holds. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #refill(): Promise<boolean> {
    const next = await this.#iterator.next();
    if (next.done) return false;
    this.#chunk = next.value;
    this.#received += next.value.length;
    if (this.#received > this.#limit) {
      throw new CpioError("limit_exceeded", `cpio: input is longer than ${this.#limit} bytes`);
    }
    return true;
  }
}
