import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { messageOf } from "../src/errors.ts";

const ROOT = resolve(import.meta.dirname, "..");
const ADDON = join(ROOT, "build", "Release", "codec.node");
const BUILD_TIMEOUT_MS = 300_000;
const REASON_LINES = 4;
/** What npm and node-gyp say around the compiler's own words. */
const NOISE = /^\s*$|^gyp (?:info|verb)|^gyp ERR! (?:stack|System|command|cwd|node|\$|not ok)|^npm |^>|^make: /;

export type NativeBuild =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly reason: string };

/**
 * Builds the addon when it is missing or older than its sources, and gives its path. Never throws: without a
 * compiler or the libraries' headers the reason is the end of what the build printed. Several processes may
 * call it at once; one builds and the others wait.
 */
export function buildNative(): NativeBuild {
  if (isFresh()) return { ok: true, path: ADDON };
  try {
    return locked(() => (isFresh() ? { ok: true, path: ADDON } : build()));
  } catch (thrown) {
    return { ok: false, reason: messageOf(thrown) };
  }
}

function isFresh(): boolean {
  if (!existsSync(ADDON)) return false;
  const sources = readdirSync(import.meta.dirname).filter((name) => /\.(cc|h)$/.test(name));
  const paths = [join(ROOT, "binding.gyp"), ...sources.map((name) => join(import.meta.dirname, name))];
  const built = statSync(ADDON).mtimeMs;
  return paths.every((path) => statSync(path).mtimeMs <= built);
}

/**
 * npm hands node-gyp the headers of the Node that runs npm, and for node-gyp the environment beats the
 * command line; so the headers of the Node that runs this file are named in the environment.
 */
function buildEnvironment(): NodeJS.ProcessEnv {
  const home = resolve(process.execPath, "../..");
  if (!existsSync(join(home, "include", "node", "node_api.h"))) return process.env;
  return { ...process.env, npm_config_nodedir: home };
}

function build(): NativeBuild {
  const run = spawnSync("npm", ["run", "native"], {
    cwd: ROOT,
    env: buildEnvironment(),
    encoding: "utf8",
    timeout: BUILD_TIMEOUT_MS,
  });
  if (run.status === 0 && existsSync(ADDON)) return { ok: true, path: ADDON };
  if (run.error) return { ok: false, reason: `npm run native: ${run.error.message}` };
  const lines = `${run.stdout}\n${run.stderr}`.split("\n").filter((line) => !NOISE.test(line));
  return { ok: false, reason: lines.slice(-REASON_LINES).join("\n") };
}

/** Runs `work` while this process holds a folder only one process can make; a stale one is taken over. */
function locked<T>(work: () => T): T {
  const name = createHash("sha256").update(ROOT).digest("hex").slice(0, 16);
  const lock = join(tmpdir(), `codec-build-${name}.lock`);
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  while (!take(lock)) Atomics.wait(sleeper, 0, 0, 200);
  try {
    return work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function take(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
  }
  const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
  if (since !== undefined && Date.now() - since > BUILD_TIMEOUT_MS) rmSync(lock, { recursive: true, force: true });
  return false;
}

if (import.meta.main) {
  const built = buildNative();
  process.stdout.write(built.ok ? `native codec: ${built.path}\n` : `native codec is not built:\n${built.reason}\n`);
  if (!built.ok) process.exitCode = 1;
}
