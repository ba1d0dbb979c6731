/** Runs a foreign executable to its end, which comes in any case, and leaves nothing of it behind but its private folder. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { KiB, MiB } from "../bytes/align.ts";
import { concatBytes } from "../bytes/text.ts";
import { FactoryError, messageOf } from "../errors.ts";
import { type IsolatedCommand, type Isolation, isolatedArgv, PROGRAM_PATH } from "./isolation.ts";

/** How much an executable may take. */
export interface RunLimits {
  readonly wallMs: number;
  /** Of the private folder, as the disk counts, and its files and folders. */
  readonly bytes: number;
  readonly files: number;
}

export interface RunRequest {
  readonly command: IsolatedCommand;
  readonly isolation: Isolation;
  readonly stdin: string;
  readonly limits: RunLimits;
  /** Throws when nobody waits any more. */
  readonly checkpoint: () => void;
}

const MAX_STDOUT_BYTES = MiB;
/** Of standard error the end is kept, which says what went wrong. */
const KEPT_STDERR_BYTES = 2 * KiB;
const WATCH_MS = 100;
/** How long a killed process may take to disappear before it is left to the kernel. */
const REAP_MS = 5000;
/** Marks the processes of a run, wherever they hide. */
const MARK = "OVERLAY_RUN";

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function failed(reason: string, cause?: unknown): FactoryError {
  return new FactoryError("overlay_failed", reason, { cause });
}

/**
 * Runs a command and gives its standard output. Whatever it started is gone when this returns. Throws `overlay_failed` when
 * it cannot be run, fails, or takes more than it may; what `checkpoint` throws passes through.
 */
export async function runExecutable(request: RunRequest): Promise<Uint8Array> {
  const { command, isolation } = request;
  const mark = randomUUID();
  const [file, ...args] = isolatedArgv(isolation, command);
  // A group of its own can be killed as one.
  const child = spawn(file!, args, {
    cwd: command.work,
    detached: true,
    env: { PATH: PROGRAM_PATH, TMPDIR: command.work, [MARK]: mark },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said = new Output(child);
  const exited = exitOf(child);
  child.stdin.on("error", () => undefined).end(request.stdin);
  try {
    const stop = new AbortController();
    const watched = watch(request, said, stop.signal);
    const ended = await Promise.race([exited, watched]).finally(() => stop.abort());
    await endAll(child, mark);
    await said.complete();
    if (ended !== undefined) throw failed(`${ended}${said.explanation()}`);
    return said.stdout();
  } catch (error) {
    await endAll(child, mark);
    throw error;
  } finally {
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** How a process ended, undefined for well. */
async function exitOf(child: Child): Promise<string | undefined> {
  return await new Promise((resolve) => {
    child.once("error", (cause) => resolve(`cannot be run: ${messageOf(cause)}`));
    child.once("exit", (code, signal) => {
      if (signal !== null) resolve(`was ended by ${signal}`);
      // What the shells and `unshare` make of a signal.
      else if (code! > 128) resolve(`exit status ${code} (signal ${code! - 128})`);
      else resolve(code === 0 ? undefined : `exit status ${code}`);
    });
  });
}

/** Looks again and again until something is more than allowed, and says what. */
async function watch({ command, limits, checkpoint }: RunRequest, said: Output, stop: AbortSignal): Promise<string> {
  const deadline = performance.now() + limits.wallMs;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
    if (stop.aborted) return "";
    checkpoint();
    if (said.flooded) return `more than ${MAX_STDOUT_BYTES} bytes on standard output`;
    if (performance.now() > deadline) return `not done after ${limits.wallMs / 1000} s`;
    const used = { bytes: 0, files: 0 };
    await measure(command.work, limits, used);
    if (used.bytes > limits.bytes) return `more than ${limits.bytes} bytes in its folder`;
    if (used.files > limits.files) return `more than ${limits.files} files in its folder`;
  }
}

const DISK_BLOCK = 512;

/** Adds up what a folder takes, as far as it is allowed and while it changes. */
async function measure(folder: string, limits: RunLimits, used: { bytes: number; files: number }): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (++used.files > limits.files || used.bytes > limits.bytes) return;
    const path = join(folder, entry.name);
    used.bytes += ((await lstat(path).catch(() => undefined))?.blocks ?? 0) * DISK_BLOCK;
    if (entry.isDirectory()) await measure(path, limits, used);
  }
}

/**
 * Ends a process and all that came of it, and waits until they are gone: those of its group, with it a process namespace, and
 * where there is none those that left the group.
 */
async function endAll({ pid }: Child, mark: string): Promise<void> {
  if (pid === undefined) return;
  kill(-pid);
  const deadline = performance.now() + REAP_MS;
  while ((await killMarked(mark)) && performance.now() < deadline);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

/** Kills processes by what stands in their environment; true when there were any. */
async function killMarked(mark: string): Promise<boolean> {
  const line = `${MARK}=${mark}`;
  let found = false;
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, "latin1").catch(() => "");
    if (!environment.split("\0").includes(line)) continue;
    kill(Number(name));
    found = true;
  }
  return found;
}

/** What a process says, bounded. */
class Output {
  readonly #out: Uint8Array[] = [];
  #outBytes = 0;
  #err: Buffer = Buffer.alloc(0);
  readonly #closed: Promise<unknown>;

  constructor(child: Child) {
    this.#closed = new Promise((resolve) => child.once("close", resolve).once("error", resolve));
    child.stdout.on("data", (chunk: Uint8Array) => {
      this.#outBytes += chunk.length;
      if (!this.flooded) this.#out.push(chunk);
    });
    child.stderr.on("data", (chunk: Uint8Array) => {
      this.#err = Buffer.concat([this.#err, chunk]).subarray(-KEPT_STDERR_BYTES);
    });
  }

  get flooded(): boolean {
    return this.#outBytes > MAX_STDOUT_BYTES;
  }

  /** Waits for what is still in the pipes. */
  async complete(): Promise<void> {
    const late = new Promise((resolve) => setTimeout(resolve, REAP_MS).unref());
    await Promise.race([this.#closed, late]);
  }

  /** Standard output. Throws `overlay_failed` for one that is too long. */
  stdout(): Uint8Array {
    if (this.flooded) throw failed(`more than ${MAX_STDOUT_BYTES} bytes on standard output`);
    return concatBytes(...this.#out);
  }

  /** Standard error on one line, ready to stand behind a reason. */
  explanation(): string {
    const text = this.#err
      .toString("utf8")
      .replace(/[\x00-\x1f\x7f\ufffd]+/g, " ")
      .trim();
    return text === "" ? "" : `, stdErr: ${text}`;
  }
}
