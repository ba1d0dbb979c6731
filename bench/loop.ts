import { monitorEventLoopDelay } from "node:perf_hooks";

/** How an event loop stood still since the last question. */
export interface Standstill {
  /** Longest time between two turns of the event loop beyond the timer's own period, milliseconds of wall clock. */
  readonly blockedMs: number;
  /** The most CPU time the main thread spent in one such turn: the part that waiting for a core cannot explain. */
  readonly busyMs: number;
}

const PERIOD_MS = 5;

/** CPU time of the main thread, microseconds. */
function threadCpu(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Watches the event loop of this process from now on; the function it gives asks and starts anew. */
export function watchLoop(): () => Standstill {
  const delay = monitorEventLoopDelay({ resolution: PERIOD_MS });
  delay.enable();
  let last = threadCpu();
  let busy = 0;
  setInterval(() => {
    const now = threadCpu();
    busy = Math.max(busy, now - last);
    last = now;
  }, PERIOD_MS).unref();
  return () => {
    const result = { blockedMs: Math.max(0, delay.max / 1e6 - PERIOD_MS), busyMs: busy / 1e3 };
    delay.reset();
    busy = 0;
    return result;
  };
}
