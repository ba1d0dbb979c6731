// Entry of every npm script: plain JavaScript, because it must start under any Node from 20 on. It installs
// the dependencies when they are missing or older than the lockfile, then runs the given TypeScript file
// with the pinned Node by path. npm 10 links no `node` into node_modules/.bin, so PATH cannot be relied on.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const root = resolve(import.meta.dirname, "..");
const pinned = join(root, "node_modules", `node-linux-${process.arch}`, "bin", "node");
const [target, ...args] = process.argv.slice(2);

/** @param {string} message @returns {never} */
function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function installed() {
  const mark = join(root, "node_modules", ".package-lock.json");
  return existsSync(mark) && statSync(mark).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
}

function install() {
  process.stderr.write("installing dependencies (npm ci)…\n");
  const options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const cli = process.env.npm_execpath;
  const [command, prefix] = cli ? [process.execPath, [cli]] : ["npm", []];
  const { status } = spawnSync(command, [...prefix, ...options], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) fail("npm ci failed: see above");
}

function nodePath() {
  if (existsSync(pinned)) return realpathSync(pinned);
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 24 || (major === 24 && minor >= 15)) return realpathSync(process.execPath);
  return fail(`this platform (linux-${process.arch}) has no pinned Node; start with Node 24.15 or later`);
}

if (!target) fail("usage: node src/launch.mjs FILE.ts [ARGUMENT...]");
if (!installed()) install();
const node = nodePath();
// Keeps sources compiled and stripped of types between starts: every thread otherwise does it again.
process.env.NODE_COMPILE_CACHE ??= join(root, "node_modules", ".cache", "compile");
// Every thread's own share of freed memory adds up: bench/ measured 40 MB less at the peak.
const tuned = process.env.MALLOC_ARENA_MAX !== undefined;
process.env.MALLOC_ARENA_MAX ??= "2";
const file = resolve(root, target);
// Both are read when a process starts, so only one that was started with them goes on by itself.
if (tuned && realpathSync(process.execPath) === node) {
  process.argv = [node, file, ...args];
  await import(pathToFileURL(file).href);
} else {
  const child = spawn(node, [file, ...args], { stdio: "inherit" });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`${node}: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}
