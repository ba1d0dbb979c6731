/** What a family of recorded cases is, and the usual way to make one. */
import { FactoryError, messageOf } from "../../src/errors.ts";
import { httpFailure } from "../../src/server/errors.ts";
import { difference, Refusal } from "./diff.ts";

/** What families may use besides their own cases. */
export interface GoldenContext {
  /** The folder with `release`, `inputs` and `keys`. */
  readonly inputs: string;
  /** Decoded JSON of a file beside the cases, or of the same name in the default folder. */
  readonly json: (name: string) => unknown;
}

/** One case: what it is called, and what came of it. */
export interface CaseReport {
  readonly label: string;
  readonly outcome:
    | { readonly $case: "passed" }
    /** `refusal`: the whole case was refused by one side, or by both in different ways; no value is wrong. */
    | { readonly $case: "failed"; readonly difference: readonly string[]; readonly refusal: boolean }
    /** It does not gate; the reason is counted, not the case. */
    | { readonly $case: "left out"; readonly reason: string };
  /** A part of the case that was left out until its issue comes. */
  readonly waiting?: string | undefined;
}

/** All cases of one file. `run` never throws for a single case. */
export interface Family {
  /** The name of the file, without `.json`. */
  readonly name: string;
  readonly run: (content: unknown, context: GoldenContext) => AsyncIterable<CaseReport>;
}

/** What a case was recorded with and what the project gives, both made of values `difference` can show. */
export interface Comparison {
  readonly recorded: unknown;
  readonly ours: unknown;
  readonly waiting?: string | undefined;
}

/** What the cases of all families may say of themselves. */
export interface Recorded {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly path?: string;
  readonly version?: string;
  /** The reference's YAML library answers differently from release to release. */
  readonly yaml_sensitive?: boolean;
}

/** What is compared, or why the case does not gate. */
export type Judgement = Comparison | { readonly leftOut: string };

export type Check<T> = (item: T, context: GoldenContext, all: readonly T[]) => Judgement | Promise<Judgement>;

function labelOf(item: Recorded, index: number): string {
  const { name, group, kind, path, version } = item;
  const what = name ?? [kind, group, path, version].filter((part) => part !== undefined && part !== "").join(" ");
  return `#${index + 1} ${what}`.trimEnd();
}

async function report<T extends Recorded>(
  check: Check<T>,
  context: GoldenContext,
  all: readonly T[],
  index: number,
): Promise<CaseReport> {
  const item = all[index] ?? ({} as T);
  const label = labelOf(item, index);
  if (item.yaml_sensitive === true) {
    return { label, outcome: { $case: "left out", reason: "do not gate: the reference's YAML library varies here" } };
  }
  try {
    const result = await check(item, context, all);
    if ("leftOut" in result) return { label, outcome: { $case: "left out", reason: result.leftOut } };
    const { recorded, ours, waiting } = result;
    const lines = difference(recorded, ours);
    if (!lines) return { label, waiting, outcome: { $case: "passed" } };
    const refusal = recorded instanceof Refusal || ours instanceof Refusal;
    return { label, waiting, outcome: { $case: "failed", difference: lines, refusal } };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { label, outcome: { $case: "failed", difference: text.split("\n").slice(0, 6), refusal: false } };
  }
}

/** What came of every case, each judged on its own. */
export async function* caseReports<T extends Recorded>(
  check: Check<T>,
  context: GoldenContext,
  all: readonly T[],
): AsyncIterable<CaseReport> {
  for (const index of all.keys()) yield await report(check, context, all, index);
}

/** A family whose file is a list of cases. */
export function family<T extends Recorded>(name: string, check: Check<T>): Family {
  function run(content: unknown, context: GoldenContext): AsyncIterable<CaseReport> {
    if (!Array.isArray(content)) throw new Error(`${name}.json: not a list of cases`);
    return caseReports(check, context, content as readonly T[]);
  }
  return { name, run };
}

/** A check for files that hold several kinds of cases, by their `kind`. */
export function byKind(checks: Readonly<Record<string, Check<never>>>): Check<Recorded> {
  return (item, context, all) => {
    const check = Object.hasOwn(checks, item.kind ?? "") ? checks[item.kind!] : undefined;
    if (!check) throw new Error(`unknown kind of case ${JSON.stringify(item.kind)}`);
    return check(item as never, context, all as never);
  };
}

/** The refusal a coded error stands for; anything else thrown is a fault of the project. */
function refused(error: unknown): Refusal {
  if (!(error instanceof FactoryError)) throw error;
  const status = httpFailure(error).status;
  return new Refusal(messageOf(error), status < 500 ? "4xx" : "5xx");
}

/** What `work` gives, or its refusal if it throws a coded error. */
export function attempt<T>(work: () => T): T | Refusal {
  try {
    return work();
  } catch (error) {
    return refused(error);
  }
}

/** The same for work that takes time. */
export async function attempted<T>(work: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await work();
  } catch (error) {
    return refused(error);
  }
}

/** A recorded error text as a refusal, undefined when there is none; `status` where the reference's answer is known. */
export function refusal(text: string | undefined, status?: Refusal["status"]): Refusal | undefined {
  return text === undefined ? undefined : new Refusal(text, status);
}

/** Recorded bytes. */
export function bytesOf(base64: string): Uint8Array {
  return Buffer.from(base64, "base64");
}
