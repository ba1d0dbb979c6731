import { createHash } from "node:crypto";

/** Choices that follow from a seed alone (the generator is mulberry32). */
export class Random {
  #state: number;

  constructor(seed: string) {
    this.#state = createHash("sha256").update(seed).digest().readUInt32LE();
  }

  /** From 0 up to, but without, 1. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both bounds included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.#next() * (max - min + 1));
  }

  /** A whole number from 0 to `max`, each order of magnitude about as likely as the next. */
  magnitude(max: number): number {
    return Math.min(max, Math.floor((max + 1) ** this.#next()) - (this.chance(0.5) ? 1 : 0));
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(0, from.length - 1)]!;
  }

  list<T>(length: number, of: () => T): T[] {
    return Array.from({ length }, of);
  }

  shuffled<T>(list: readonly T[]): T[] {
    const keyed = list.map((value) => ({ value, key: this.#next() }));
    return keyed.toSorted((a, b) => a.key - b.key).map(({ value }) => value);
  }
}
