/** The command in a process of its own, as a person starts it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, TestRegistry } from "../support/registry.ts";
import { addTinyRelease } from "../support/release.ts";

export interface Command {
  readonly args: readonly string[];
  readonly stdin?: string;
  /** Over what `settings` gives. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A folder with a release to build from, and all the environment a command gets. */
export interface Desk extends AsyncDisposable {
  readonly path: string;
  readonly registry: TestRegistry;
  readonly key: ReturnType<typeof freshKey>;
  readonly settings: Readonly<Record<string, string>>;
}

export async function desk(): Promise<Desk> {
  const folder = await temporaryFolder();
  const registry = new TestRegistry();
  const key = freshKey();
  await addTinyRelease(registry, key);
  await registry.writeLayout(join(folder.path, "source"));
  await mkdir(join(folder.path, "tmp"));
  const settings = {
    HOME: folder.path,
    TMPDIR: join(folder.path, "tmp"),
    IMAGER_SOURCE: join(folder.path, "source"),
  };
  return { path: folder.path, registry, key, settings, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** Starts a command; what it said is whole once it has ended. */
export function start(
  script: "imager" | "inspect",
  { args, stdin = "", environment = {} }: Command,
  settings: Readonly<Record<string, string>>,
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const path = fileURLToPath(new URL(`../../src/cli/${script}.ts`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { env: { ...settings, ...environment }, stdio: "pipe" });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => stdout.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => stderr.push(bytes));
  // A command that does not want its input may be gone before it is written.
  child.stdin.on("error", () => undefined).end(stdin);
  const { promise: ended, resolve, reject } = Promise.withResolvers<Ended>();
  child.once("error", reject);
  child.once("close", (code) =>
    resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString("utf8") }),
  );
  return { child, ended };
}
