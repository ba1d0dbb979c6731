/** Families whose file is an object with `cases`: whole runs of the reference's imager and what came out of them. */
import type { Recipe } from "../../src/extents/index.ts";
import type { Target } from "../../src/imager/inputs.ts";
import { outputPath } from "../../src/talos/profile-names.ts";
import { emitProfile } from "../../src/talos/profile-yaml.ts";
import { Refusal } from "./diff.ts";
import {
  attempted,
  type Comparison,
  caseReports,
  type Family,
  type GoldenContext,
  type Judgement,
  refusal,
} from "./family.ts";
import { type ArtifactCase, type GoldenImager, goldenImager } from "./imager.ts";

/** What every run recorded beside the contents of its output. */
export interface RecordedRun extends ArtifactCase {
  readonly exitCode: number;
  readonly error?: string;
  /** The dump; its temporary paths are `{{tmp}}`. */
  readonly resolvedProfile?: string;
  readonly cmdline?: string;
  readonly outputs?: readonly { readonly name: string; readonly size: number }[];
}

/** An output of ours, and what it was made from. */
export interface Made {
  readonly image: Recipe;
  readonly target: Target;
  readonly imager: GoldenImager;
}

/** What is compared of a run beside its profile, command line and the output's name. */
export type RunCheck<T> = (item: T, made: Made, context: GoldenContext) => Promise<Comparison>;

const WAITS_FOR_SECUREBOOT = { leftOut: "wait for SecureBoot" };

/** The embedded configuration is one more extension there, in a temporary file. */
function withoutTemporaries(dump: string): string {
  return dump
    .replace(/^ {4}- imageRef: ""\n {6}tarballPath: \{\{tmp\}\}.*\n/gm, "")
    .replace(/^ {2}systemExtensions:\n(?! {4}- )/m, "");
}

function recordedHead({ resolvedProfile = "", cmdline, outputs = [] }: RecordedRun) {
  return { profile: withoutTemporaries(resolvedProfile), cmdline, outputs: outputs.map(({ name }) => name) };
}

async function ownHead(item: RecordedRun, { target, imager }: Made, { inputs }: GoldenContext) {
  const { profile } = target;
  const { outFormat } = profile.output;
  return {
    profile: emitProfile(profile).replaceAll(` ${inputs}/inputs/`, " /inputs/"),
    cmdline: await imager.cmdline(item, target),
    outputs: [outputPath(profile) + (outFormat === "raw" ? "" : outFormat)],
  };
}

async function run<T extends RecordedRun>(
  item: T,
  imager: GoldenImager,
  context: GoldenContext,
  check: RunCheck<T>,
): Promise<Judgement> {
  const target = await attempted(() => imager.resolve(item));
  const signed = !(target instanceof Refusal) && target.secureboot && target.profile.output.kind !== "cmdline";
  if (signed) return WAITS_FOR_SECUREBOOT;
  const image = target instanceof Refusal ? target : await attempted(() => imager.build(item, target));
  const failed = item.exitCode === 0 ? undefined : refusal(item.error ?? `exit code ${item.exitCode}`);
  if (failed || target instanceof Refusal || image instanceof Refusal) {
    return { recorded: failed ?? "an output", ours: image instanceof Refusal ? image : "an output" };
  }
  const made = { image, target, imager };
  const { recorded, ours, waiting } = await check(item, made, context);
  return {
    recorded: { ...recordedHead(item), content: recorded },
    ours: { ...(await ownHead(item, made, context)), content: ours },
    waiting,
  };
}

/** A family of runs; those with SecureBoot are left out, and those that `waits` says wait for something else. */
export function artifacts<T extends RecordedRun>(
  name: string,
  check: RunCheck<T>,
  waits: (item: T) => Judgement | undefined = () => undefined,
): Family {
  async function* runAll(content: unknown, context: GoldenContext) {
    const { cases } = content as { readonly cases?: unknown };
    if (!Array.isArray(cases)) throw new Error(`${name}.json: not an object with cases`);
    await using imager = await goldenImager(context);
    yield* caseReports((item: T) => waits(item) ?? run(item, imager, context, check), context, cases);
  }
  return { name, run: runAll };
}
