import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { run } from "../fixtures/command.ts";
import { type Log, own } from "./measure.ts";
import { BENCH } from "./workload.ts";

const INSTALLED = "/usr/sbin/nginx";
const UNPACKED = join(BENCH, "nginx");
const START_POLLS = 50;
const POLL_MS = 100;

/**
 * The path of an nginx. Where none is installed Debian's package is downloaded and only unpacked: installing it would
 * start a service on port 80.
 */
export async function findNginx(log: Log): Promise<string> {
  if (existsSync(INSTALLED)) return INSTALLED;
  const program = join(UNPACKED, "usr/sbin/nginx");
  if (existsSync(program)) return program;
  log("downloading the Debian package nginx");
  await mkdir(BENCH, { recursive: true });
  const work = await mkdtemp(join(BENCH, "nginx-"));
  try {
    // As root apt would drop to a user who cannot write here.
    await run("apt-get", ["-q", "-o", "APT::Sandbox::User=root", "download", "nginx"], work);
    const deb = (await readdir(work)).find((name) => name.endsWith(".deb"));
    if (!deb) throw new Error("apt-get download nginx left no file");
    await run("dpkg-deb", ["-x", join(work, deb), UNPACKED]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return program;
}

/** One process in the foreground, everything it writes below its own folder. */
function configuration(root: string, port: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);
  return `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 256; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  ${temporary.join(" ")}
  server {
    listen 127.0.0.1:${port};
    root ${root};
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

export interface Nginx {
  readonly url: string;
  readonly pid: number;
  /** Seconds of CPU used so far. */
  cpuS(): Promise<number>;
}

async function untilReady(url: string, ended: () => boolean): Promise<void> {
  for (let i = 0; i < START_POLLS; i++) {
    if (await fetch(url).catch(() => undefined)) return;
    if (ended()) break;
    await delay(POLL_MS);
  }
  throw new Error("nginx did not start");
}

/** Runs `work` with an nginx that serves the files of `root` on a loopback port, its state in `folder`. */
export async function withNginx<T>(
  program: string,
  root: string,
  folder: string,
  work: (nginx: Nginx) => Promise<T>,
): Promise<T> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  await writeFile(join(folder, "nginx.conf"), configuration(root, port));
  const child = spawn(program, ["-e", "stderr", "-p", `${folder}/`, "-c", "nginx.conf"], {
    stdio: ["ignore", "ignore", "inherit"],
    detached: true,
  });
  own(child);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const url = `http://127.0.0.1:${port}`;
  const pid = child.pid ?? 0;
  // One process of one thread: its own line in schedstat is all of it, in nanoseconds.
  const cpuS = async (): Promise<number> =>
    Number((await readFile(`/proc/${pid}/schedstat`, "utf8")).split(" ")[0]) / 1e9;
  try {
    await untilReady(url, () => child.exitCode !== null || child.pid === undefined);
    return await work({ url, pid, cpuS });
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}
