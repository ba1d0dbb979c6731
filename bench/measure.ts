import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** What a piece of work took: seconds of wall clock, seconds of CPU of all processes and threads, bytes made. */
export interface Cost {
  readonly wallS: number;
  readonly cpuS: number;
  readonly bytes: number;
}

export type Log = (line: string) => void;

/** Children that must not outlive the bench. */
const children = new Set<ChildProcess>();

/** Remembers a child that leads its own process group until it ends. */
export function own(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

/** Ends what still runs, group by group; called when the bench itself is ended. */
export function endAll(): void {
  for (const { pid } of children) {
    try {
      if (pid) process.kill(-pid, "SIGTERM");
    } catch {
      // It has just ended by itself.
    }
  }
}

/**
 * A bash that runs the script given as `$1` and reports its costs. The `time` keyword adds up user and system time of
 * the shell and of every process it waited for, all their threads included.
 */
const TIMED = `
set -euo pipefail
TIMEFORMAT='%3R %3U %3S'
exec 4>&2
{ time eval "$1" 2>&4; } 2>cost
`;

export interface Running {
  /** Leader of the process group the script runs in. */
  readonly pid: number;
  /** Rejects when the script fails. */
  readonly done: Promise<Cost>;
}

/** Starts a bash script in `folder`; `bytes` of its cost is the size of the file it leaves as `asset`, if any. */
export function start(script: string, folder: string, environment: Readonly<Record<string, string>>): Running {
  const child = spawn("bash", ["-c", TIMED, "bench", script], {
    cwd: folder,
    env: { ...process.env, LC_ALL: "C", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  own(child);
  const messages: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => messages.push(chunk));
  const done = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  }).then(async (status): Promise<Cost> => {
    const text = Buffer.concat(messages).toString().trim();
    if (status !== 0) throw new Error(`a script ended with status ${status}: ${text.slice(-2000)}`);
    const [wall = 0, user = 0, system = 0] = (await readFile(join(folder, "cost"), "utf8")).split(" ").map(Number);
    return { wallS: wall, cpuS: user + system, bytes: await sizeOf(join(folder, "asset")) };
  });
  return { pid: child.pid ?? 0, done };
}

/** Runs `work` in a new folder below `parent`, which is removed afterwards. */
export async function inFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "job-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}

/** The one in the middle by CPU time, so that wall and CPU are of the same run. */
export function median(costs: readonly Cost[]): Cost {
  const sorted = costs.toSorted((a, b) => a.cpuS - b.cpuS);
  return sorted[Math.floor(sorted.length / 2)]!;
}
