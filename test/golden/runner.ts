/** Runs recorded cases against the project and prints what came of them. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../src/errors.ts";
import { DIFFERENCES, type Difference } from "./differences.ts";
import { FAMILIES, PENDING } from "./families/index.ts";
import type { CaseReport, Family, GoldenContext } from "./family.ts";

export interface GoldenRun {
  /** Holds one `FAMILY.json` per family. */
  readonly folder: string;
  /** Holds `release`, `inputs`, `keys`, and the inputs that `folder` lacks. */
  readonly defaults: string;
  readonly print: (line: string) => void;
  readonly families?: readonly Family[];
  readonly differences?: readonly Difference[];
}

/** JSON files that are no cases. */
const INPUTS: readonly string[] = ["MANIFEST.json", "enhance_fixtures.json"];
const EXTENSION = ".json";
/** Failures of a family that are printed with their difference. */
const MAX_SHOWN = 5;

/** What came of a family's cases so far. */
interface Tally {
  passed: number;
  failed: number;
  /** Lines beside the totals, with how often each was said. */
  readonly notes: Map<string, number>;
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

function contextOf({ folder, defaults }: GoldenRun): GoldenContext {
  const known = new Map<string, unknown>();
  const json = (name: string): unknown => {
    const own = join(folder, name);
    if (!known.has(name)) known.set(name, readJson(existsSync(own) ? own : join(defaults, name)));
    return known.get(name);
  };
  return { inputs: defaults, json };
}

/** The decision that covers a failed case, if there is one; only refusals can be covered, never values. */
function decided(name: string, { label, outcome }: CaseReport, { differences = DIFFERENCES }: GoldenRun) {
  if (outcome.$case !== "failed" || !outcome.refusal) return undefined;
  return differences.find(({ family, label: pattern }) => family === name && pattern.test(label))?.reason;
}

function note(tally: Tally, text: string): void {
  tally.notes.set(text, (tally.notes.get(text) ?? 0) + 1);
}

function count(tally: Tally, family: string, report: CaseReport, run: GoldenRun): void {
  const { label, outcome, waiting } = report;
  if (waiting !== undefined) note(tally, `waiting: ${waiting}`);
  const decision = decided(family, report, run);
  if (outcome.$case === "left out") note(tally, `left out: ${outcome.reason}`);
  else if (decision !== undefined) note(tally, `different by decision: ${decision}`);
  else if (outcome.$case === "passed") tally.passed++;
  else if (++tally.failed <= MAX_SHOWN) {
    run.print(`${family} ${label}: differs (- recorded, + ours)`);
    for (const line of outcome.difference) run.print(`    ${line}`);
  }
}

async function runFamily(family: Family, run: GoldenRun, context: GoldenContext): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, notes: new Map() };
  try {
    const cases = family.run(readJson(join(run.folder, `${family.name}${EXTENSION}`)), context);
    for await (const report of cases) count(tally, family.name, report, run);
  } catch (error) {
    tally.failed++;
    run.print(`${family.name}: ${messageOf(error)}`);
  }
  if (tally.failed > MAX_SHOWN) run.print(`${family.name}: ${tally.failed - MAX_SHOWN} more failures are not shown`);
  run.print(`${family.name}: ${tally.passed} passed, ${tally.failed} failed`);
  for (const [text, cases] of tally.notes) run.print(`    ${cases} ${text}`);
  return tally;
}

/** The vector files of a folder, or why there is nothing to run. */
function vectorFiles({ folder }: GoldenRun, known: ReadonlySet<string>): readonly string[] | string {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return `there is no folder ${folder}: recorded vectors are not part of the project; name a folder that holds some`;
  }
  const names = readdirSync(folder).filter((name) => name.endsWith(EXTENSION) && !INPUTS.includes(name));
  const unknown = names.filter((name) => !known.has(name.slice(0, -EXTENSION.length)));
  if (unknown.length > 0) return `${folder}: no family reads ${unknown.sort().join(", ")}`;
  return names.length > 0 ? names : `${folder}: no vector files`;
}

/**
 * Runs every family whose file stands in the folder. The last line is `N passed, M failed`. Gives the exit code: 0 when all
 * cases that gate pass, 1 for any failure, an unknown JSON file, or a folder without vectors.
 */
export async function runGolden(run: GoldenRun): Promise<0 | 1> {
  const { families = FAMILIES, print } = run;
  const files = vectorFiles(run, new Set([...families.map(({ name }) => name), ...PENDING]));
  if (typeof files === "string") {
    print(files);
    return 1;
  }
  const context = contextOf(run);
  let passed = 0;
  let failed = 0;
  for (const family of families) {
    if (!files.includes(`${family.name}${EXTENSION}`)) continue;
    const tally = await runFamily(family, run, context);
    passed += tally.passed;
    failed += tally.failed;
  }
  for (const name of PENDING) print(`${name}: pending`);
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
