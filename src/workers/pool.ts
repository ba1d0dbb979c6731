import { availableParallelism } from "node:os";
import { Piscina } from "piscina";
import { FactoryError } from "../errors.ts";
import { newPermits } from "./permits.ts";
import type { JobKind, JobMessage, JobReply, Jobs, WorkerSetup } from "./protocol.ts";

export type PoolErrorCode = "cancelled" | "overloaded" | "worker_died";

/** Jobs that may wait for a free worker; more are refused (`overloaded`) instead of piling up. */
const MAX_WAITING = 512;

/** Runs jobs in worker threads, at most one per core at a time. */
export class WorkerPool {
  readonly #pool: Piscina;
  readonly #running = new Set<() => void>();

  constructor(setup: Omit<WorkerSetup, "permits">, threads: number = availableParallelism()) {
    this.#pool = new Piscina({
      filename: new URL("./main.ts", import.meta.url).href,
      workerData: { ...setup, permits: newPermits(threads) } satisfies WorkerSetup,
      minThreads: 1,
      maxThreads: threads,
      idleTimeout: 30_000,
      maxQueue: MAX_WAITING,
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
  }

  /**
   * Runs one job. Aborting `signal` asks a running job to stop at its next step and rejects with
   * `cancelled`. Errors of the job come back with its code.
   */
  async run<Kind extends JobKind>(
    kind: Kind,
    input: Jobs[Kind]["input"],
    signal: AbortSignal,
  ): Promise<Jobs[Kind]["output"]> {
    signal.throwIfAborted();
    const cancelled = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const cancel = (): void => {
      Atomics.store(new Int32Array(cancelled), 0, 1);
    };
    signal.addEventListener("abort", cancel, { once: true });
    this.#running.add(cancel);
    try {
      const message: JobMessage<Kind> = { kind, input, cancelled };
      const reply = (await this.#pool.run(message)) as JobReply;
      if (reply.$case === "done") return reply.output as Jobs[Kind]["output"];
      const error = new FactoryError(reply.code, reply.message);
      if (reply.stack) error.stack = reply.stack;
      throw error;
    } catch (cause) {
      if (cause instanceof FactoryError) throw cause;
      const full = (cause as Error).message === "Task queue is at limit";
      throw new FactoryError<PoolErrorCode>(
        full ? "overloaded" : "worker_died",
        full ? `too many jobs are waiting (${MAX_WAITING})` : `${kind} job: the worker thread ended`,
        { cause },
      );
    } finally {
      signal.removeEventListener("abort", cancel);
      this.#running.delete(cancel);
    }
  }

  /** Asks running jobs to stop and waits for them: a thread that is ended inside a codec can take the process along. */
  async close(): Promise<void> {
    for (const cancel of this.#running) cancel();
    await this.#pool.close();
  }
}
