/** Runs with an overlay: what its executable was given, and what became of its answers. */
import { installRequest, optionsRequest } from "../../../src/talos/overlay.ts";
import { artifacts, type Made, type RecordedRun } from "../artifacts.ts";
import type { Comparison, Judgement } from "../family.ts";
import type { OverlayJob } from "../imager.ts";
import { checkSmall, type SmallRun } from "./cmdline-runs.ts";
import { compareDisk, type DiskRun } from "./disk.ts";
import { checkInitramfs, type InitramfsCase } from "./initramfs.ts";
import { compareIso, type IsoRun } from "./iso.ts";
import { checkUki, type UkiCase } from "./uki.ts";

interface OverlayRun extends RecordedRun {
  /** Calls as `@@@ NAME args=COMMAND …`, what stood on standard input, `@@@ end`; not every executable keeps such a log. */
  readonly overlayLog?: string;
  readonly installer?: unknown;
}

/** Paths are those of the run. */
const PATHS = { installDisk: "{{disk}}", mountPrefix: "{{tmp}}/image", artifactsPath: "{{tmp}}/overlay/artifacts" };

/** Each call once: the reference asks again what it was told before. */
function calls(of: readonly string[]): readonly string[] {
  return [...new Set(of)];
}

function recordedCalls(log: string): readonly string[] {
  const found = log.matchAll(/^@@@ (\S+) args=(\S+) .*\n([\s\S]*?)^@@@ end\n/gm);
  return calls(
    [...found].map(([, name, command, stdin = ""]) =>
      [name, command, stdin.replace(/^installDisk: \/out\/.*$/m, `installDisk: ${PATHS.installDisk}`)].join("\n"),
    ),
  );
}

function ownCall({ kind, input: { name, options } }: OverlayJob): string {
  if (kind === "overlayOptions") return [name, "get-options", optionsRequest(options)].join("\n");
  return [name, "install", unquoted(installRequest(PATHS, options))].join("\n");
}

/** The placeholders of paths have signs that YAML quotes. */
function unquoted(text: string): string {
  return text.replace(/'(\{\{.*)'$/gm, "$1");
}

/** The output by its kind. */
async function compareOutput(item: OverlayRun, made: Made): Promise<Comparison> {
  if ("disk" in item) return await compareDisk(item as unknown as DiskRun, made);
  if ("iso" in item) return await compareIso(item as unknown as IsoRun, made);
  if ("pe" in item) return await checkUki(item as unknown as UkiCase, made);
  if ("initramfs" in item) return await checkInitramfs(item as unknown as InitramfsCase, made);
  return await checkSmall(item as unknown as SmallRun, made);
}

async function check(item: OverlayRun, made: Made): Promise<Comparison> {
  const asked = calls(made.imager.asked().map(ownCall));
  const { recorded, ours, waiting } = await compareOutput(item, made);
  const { overlayLog } = item;
  return {
    recorded: { output: recorded, calls: overlayLog === undefined ? asked : recordedCalls(overlayLog) },
    ours: { output: ours, calls: asked },
    waiting,
  };
}

function waits({ installer }: OverlayRun): Judgement | undefined {
  return installer === undefined ? undefined : { leftOut: "wait for installer images" };
}

export const overlay = artifacts<OverlayRun>("overlay", check, waits);
