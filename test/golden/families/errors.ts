/** Profiles that fail: that they do, with which exit code, and that nothing is left behind. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { grubModules } from "../../../fixtures/grub.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { run } from "../../../src/cli/run.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { caseReports, type Family, type GoldenContext, type Judgement } from "../family.ts";
import type { ArtifactCase } from "../imager.ts";

interface ErrorCase extends ArtifactCase {
  readonly env: Readonly<Record<string, string>>;
}

/** What every case is run with. */
interface Bench {
  readonly context: GoldenContext;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Limits of the reference's tools, not of the profile: ours may succeed. */
const TOOL_LIMITS = new Set(["error-4k-grub", "error-imagecache-small"]);
const NOT_BUILT = /is not built yet/;
const UNSUPPORTED = 3;

async function judge(item: ErrorCase, { context, folder, environment }: Bench): Promise<Judgement> {
  if (TOOL_LIMITS.has(item.name ?? "")) return { leftOut: "do not gate: a limit of the reference's tools" };
  const output = join(folder, item.name ?? "unnamed");
  const { args = ["-"], profile = "", env } = item;
  const said: string[] = [];
  const exitCode = await run({
    args: [...args, "--output", output],
    environment: { ...environment, ...env, IMAGER_VERSION: item.release },
    stdin: stdinOf(profile.replaceAll(" /inputs/", ` ${context.inputs}/inputs/`)),
    stdout: new Writable({ write: (_chunk, _encoding, done) => done() }),
    stderr: { write: (text) => said.push(text) },
    processor: "x64",
    signal: new AbortController().signal,
  });
  if (exitCode === UNSUPPORTED && item.exitCode !== UNSUPPORTED && NOT_BUILT.test(said.join(""))) {
    return { leftOut: "wait for what is not built yet" };
  }
  const left = await readdir(output).catch(() => []);
  return { recorded: { exitCode: item.exitCode, left: [] }, ours: { exitCode, left } };
}

async function* stdinOf(profile: string): AsyncGenerator<Uint8Array> {
  if (profile !== "") yield utf8(profile);
}

async function* runAll(content: unknown, context: GoldenContext) {
  const { cases } = content as { readonly cases?: unknown };
  if (!Array.isArray(cases)) throw new Error("errors.json: not an object with cases");
  await using folder = await temporaryFolder();
  const environment = {
    IMAGER_SOURCE: join(context.inputs, "release"),
    IMAGER_GRUB: await grubModules(() => undefined),
    IMAGER_CACHE: join(folder.path, "cache"),
    HOME: folder.path,
  };
  const bench = { context, folder: folder.path, environment };
  yield* caseReports((item: ErrorCase) => judge(item, bench), context, cases);
}

export const errors: Family = { name: "errors", run: runAll };
