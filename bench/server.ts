// The server as a child of the bench: it serves as `npm start` does and says over the channel to its parent what it
// costs. It ends when the parent does.
import { readFileSync } from "node:fs";
import { startServer } from "../src/server/serve.ts";
import { type Standstill, watchLoop } from "./loop.ts";

/** What the server has used since it started, and its event loop since the last question. */
export interface Usage extends Standstill {
  /** Seconds of CPU of all threads, ended ones included. */
  readonly cpuS: number;
  /** Most memory ever resident, bytes. */
  readonly peakRss: number;
}

export type Message = { readonly $case: "ready"; readonly url: string } | { readonly $case: "usage"; usage: Usage };

/** Peak of resident memory, bytes. getrusage's own figure starts with what the parent had when it forked (proc(5)). */
function peakResident(): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
  return Number(kilobytes) * 1024;
}

function tell(message: Message): void {
  process.send?.(message);
}

const [source = "", publicKey = "", dataFolder = ""] = process.argv.slice(2);
const server = await startServer({
  source: { $case: "layout", folder: source },
  publicKeys: [publicKey],
  dataFolder,
  host: "127.0.0.1",
  port: 0,
  externalUrl: "http://bench.invalid",
  logLevel: "warn",
});
const loop = watchLoop();

process.on("message", () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  tell({
    $case: "usage",
    usage: { cpuS: (userCPUTime + systemCPUTime) / 1e6, peakRss: peakResident(), ...loop() },
  });
});
process.once("disconnect", () => void server.close(0).then(() => process.exit(0)));
// A Ctrl-C reaches the whole group of the terminal; the parent says when to stop.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
tell({ $case: "ready", url: server.url });
