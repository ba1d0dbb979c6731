import { setTimeout as sleep } from "node:timers/promises";
import { MiB } from "../bytes/align.ts";
import { SourceError } from "./errors.ts";

/** How long and how often a registry is asked; plain data that may cross threads. Milliseconds where it says Ms. */
export interface RegistryLimits {
  /** For the head of an answer: name look-up, connection and TLS included. */
  readonly headMs: number;
  /** For each next piece of a body. */
  readonly idleMs: number;
  /** For everything one question waits for: answers, bodies, pauses between attempts. What a receiver takes is free. */
  readonly totalMs: number;
  /** Attempts in a row that bring nothing. */
  readonly attempts: number;
  /** New bytes of a blob that make an attempt count as one that brought something. */
  readonly progressBytes: number;
  /** Pause after the first failure; it doubles up to `maxPauseMs`. */
  readonly firstPauseMs: number;
  readonly maxPauseMs: number;
  /** A registry that asks for a longer pause than this is given up. */
  readonly retryAfterMs: number;
}

export const DEFAULT_LIMITS: RegistryLimits = {
  headMs: 30_000,
  idleMs: 30_000,
  totalMs: 20 * 60_000,
  attempts: 5,
  progressBytes: MiB,
  firstPauseMs: 500,
  maxPauseMs: 10_000,
  retryAfterMs: 60_000,
};

/** What retrying needs from outside. */
export interface Clock {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Rejects with the reason of `signal` once that is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 up to 1. */
  random(): number;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    sleep(ms, undefined, { signal }).catch(() => {
      throw signal.reason;
    }),
  random: Math.random,
};

/** A failure that may pass by itself: no connection, a cut, a silence, a status that says "later". */
export class TransientError extends SourceError {
  /** How long the registry wants to be left alone. */
  readonly retryAfterMs: number;

  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number } = {}) {
    super("unreachable", message, "cause" in options ? { cause: options.cause } : undefined);
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/** How often a wait looks whether anybody still wants its result. */
const CHECK_MS = 500;

/** The time and the attempts one question has. `checkpoint` throws once nobody wants its answer any more. */
export class Patience {
  readonly limits: RegistryLimits;
  readonly #clock: Clock;
  readonly #checkpoint: () => void;
  #leftMs: number;
  #failures = 0;
  #newBytes = 0;

  constructor(limits: RegistryLimits, clock: Clock, checkpoint: () => void = () => undefined) {
    this.limits = limits;
    this.#clock = clock;
    this.#checkpoint = checkpoint;
    this.#leftMs = limits.totalMs;
  }

  /** Waits for `pending`; when `limitMs` or all time is over, `giveUp` is called and must make it settle. */
  async wait<T>(pending: Promise<T>, limitMs: number, giveUp: (reason: Error) => void): Promise<T> {
    const from = this.#clock.now();
    const allowedMs = Math.max(0, Math.min(limitMs, this.#leftMs));
    const timer = setTimeout(() => giveUp(new Error(`silent for ${seconds(allowedMs)}`)), allowedMs);
    try {
      return await this.#watched(pending, giveUp);
    } finally {
      clearTimeout(timer);
      this.#leftMs -= this.#clock.now() - from;
    }
  }

  async #watched<T>(pending: Promise<T>, giveUp: (reason: Error) => void): Promise<T> {
    const check = setInterval(() => {
      try {
        this.#checkpoint();
      } catch (reason) {
        giveUp(reason as Error);
      }
    }, CHECK_MS);
    try {
      return await pending;
    } finally {
      clearInterval(check);
    }
  }

  /** New bytes have come. */
  progress(bytes: number): void {
    this.#newBytes += bytes;
    if (this.#newBytes >= this.limits.progressBytes) this.#failures = 0;
  }

  /** Pauses after a failure that may pass, longer each time and never two askers alike; throws when it is enough. */
  async pause(failure: unknown): Promise<void> {
    this.#checkpoint();
    if (!(failure instanceof TransientError)) throw failure;
    const { attempts, firstPauseMs, maxPauseMs, retryAfterMs } = this.limits;
    this.#failures++;
    this.#newBytes = 0;
    if (this.#leftMs <= 0) throw enough(failure, `gave up after ${seconds(this.limits.totalMs)}`);
    if (this.#failures >= attempts) throw enough(failure, `attempt ${this.#failures} was the last`);
    // Coming back earlier than asked is rude, and nobody waits for an answer much longer than this.
    if (failure.retryAfterMs > retryAfterMs) {
      throw enough(failure, `asks to be left alone for ${seconds(failure.retryAfterMs)}`);
    }
    const step = Math.min(maxPauseMs, firstPauseMs * 2 ** (this.#failures - 1));
    const pauseMs = failure.retryAfterMs + (step / 2) * (1 + this.#clock.random());
    if (pauseMs >= this.#leftMs) throw enough(failure, "no time is left for another attempt");
    this.#leftMs -= pauseMs;
    const unwanted = new AbortController();
    await this.#watched(this.#clock.sleep(pauseMs, unwanted.signal), (reason) => unwanted.abort(reason));
  }

  /** Runs `attempt` until it succeeds, fails for good, or it is enough. */
  async retried<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (failure) {
        await this.pause(failure);
      }
    }
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

function enough(failure: TransientError, why: string): SourceError {
  return new SourceError("unreachable", `${failure.message}; ${why}`, { cause: failure });
}

/**
 * The pause a Retry-After header asks for, in milliseconds (RFC 9110 section 10.2.3): seconds, or a date, which is
 * compared with the answer's own date because the two clocks may differ. 0 for none and for anything else.
 */
export function retryAfter(value: string | undefined, date: string | undefined): number {
  if (value === undefined) return 0;
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1000;
  const pause = Date.parse(value) - Date.parse(date ?? "");
  return pause > 0 ? pause : 0;
}
