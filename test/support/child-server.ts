import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/server/main.ts", import.meta.url));

/** A server in a process of its own, started as a person starts it. */
export interface ChildServer extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  /** Its log, one object per line. */
  readonly lines: readonly Record<string, unknown>[];
  /** Peak of its resident memory so far, MiB. */
  peakMiB(): Promise<number>;
  /** Ends it without any chance to tidy up. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  readonly source: string;
  readonly keyFile: string;
  readonly data: string;
  readonly more?: readonly string[];
  /** A command line that runs the command line appended to it, in place. */
  readonly wrapper?: readonly string[];
}

/** Starts a server on a free port; rejects with what it wrote when it ends before it listens. */
export async function childServer({
  source,
  keyFile,
  data,
  more = [],
  wrapper = [],
}: ChildOptions): Promise<ChildServer> {
  const server = [MAIN, "--source", source, "--public-key", keyFile, "--data", data, "--listen", "127.0.0.1:0"];
  const [command, ...args] = [
    ...wrapper,
    process.execPath,
    ...server,
    "--external-url",
    "http://factory.test",
    ...more,
  ];
  const child = spawn(command!, args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines: Record<string, unknown>[] = [];
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const complaints: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => complaints.push(text));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      lines.push(entry);
      const listening = /^Server listening at (\S+)$/.exec(String(entry.msg));
      if (listening) resolve(listening[1]!);
    });
    child.once("error", reject);
    ended.then(() => reject(new Error(`the server ended: ${complaints.join("")}`)));
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  return {
    url,
    child,
    lines,
    kill,
    async peakMiB() {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
    },
    [Symbol.asyncDispose]: kill,
  };
}
