import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { GiB } from "../../../src/bytes/align.ts";
import { FactoryError } from "../../../src/errors.ts";
import type { Recipe } from "../../../src/extents/index.ts";
import type { Random } from "./random.ts";

/** A writer under test. */
export interface FuzzedWriter {
  readonly name: string;
  /** Its part of a hundred cases. */
  readonly share: number;
  /** The largest part of its cases in which it may refuse anything, from 0 to 1. */
  readonly refusals: number;
  /**
   * Makes a case in an empty folder and has the consumer judge it; throws for whatever is wrong. Gives whether the writer
   * refused something on the way, rightly; it was then judged on what it did take, where there is such a thing.
   */
  readonly judge: (random: Random, folder: string) => Promise<Outcome>;
}

export type Outcome = "taken" | "refused";

/** What a tool prints on both outputs; throws that when it fails. */
export function run(tool: string, args: readonly string[], options: { input?: Uint8Array; cwd?: string } = {}): string {
  const env = { ...process.env, TZ: "UTC", LC_ALL: "C.UTF-8" };
  const { error, status, stdout, stderr } = spawnSync(tool, args, { ...options, env, maxBuffer: GiB });
  if (error) throw error;
  const said = `${stdout}${stderr}`;
  assert.equal(status, 0, `${tool} ended with ${status}:\n${said.slice(0, 4000)}`);
  return said;
}

/** The image, or the coded refusal; any other error of a writer is a defect and thrown on. */
export function attempt(write: () => Recipe): Recipe | FactoryError {
  try {
    return write();
  } catch (thrown) {
    if (thrown instanceof FactoryError) return thrown;
    throw thrown;
  }
}

/** Compares what a consumer found with what was asked for, and names only what differs. */
export function assertSame(found: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): void {
  const differing = [...new Set([...expected.keys(), ...found.keys()])].filter(
    (path) => found.get(path) !== expected.get(path),
  );
  const lines = differing.slice(0, 10).map((path) => {
    const [was, wanted] = [found.get(path), expected.get(path)].map((what) => JSON.stringify(what)?.slice(0, 200));
    return `${JSON.stringify(path.slice(-300))}: ${was ?? "missing"} instead of ${wanted ?? "nothing"}`;
  });
  assert.equal(differing.length, 0, `${differing.length} entries differ:\n${lines.join("\n")}`);
}
