import { FactoryError } from "../errors.ts";

interface Flight<Value> {
  readonly result: Promise<Value>;
  readonly controller: AbortController;
  waiters: number;
}

/**
 * Makes concurrent requests for one key share one piece of work. The work is cancelled when the last
 * one who waits for it has gone; who comes after that starts it anew.
 */
export class SingleFlight<Value> {
  readonly #flights = new Map<string, Flight<Value>>();

  /** Joins or starts the work for `key`. Rejects with `cancelled` for a caller whose own signal aborts. */
  async run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    if (signal.aborted) throw cancelled();
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.waiters++;
    const { promise: left, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(cancelled());
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([flight.result, left]);
    } finally {
      signal.removeEventListener("abort", leave);
      flight.waiters--;
      if (flight.waiters === 0 && this.#flights.get(key) === flight) {
        this.#flights.delete(key);
        flight.controller.abort(cancelled());
      }
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<Value>): Flight<Value> {
    const controller = new AbortController();
    const result = work(controller.signal);
    const flight: Flight<Value> = { result, controller, waiters: 0 };
    this.#flights.set(key, flight);
    const settle = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    result.then(settle, settle);
    return flight;
  }
}

function cancelled(): FactoryError {
  return new FactoryError("cancelled", "the request was cancelled");
}
