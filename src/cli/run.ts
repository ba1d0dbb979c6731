/** The imager: a profile from the command line or standard input becomes a file in a folder (imager.md 0, 2). */
import { randomUUID } from "node:crypto";
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { MiB } from "../bytes/align.ts";
import { concatBytes } from "../bytes/text.ts";
import { FactoryError, messageOf } from "../errors.ts";
import { buildOutput, checkBuildable, outputCmdline } from "../imager/build.ts";
import type { BuildDeps } from "../imager/deps.ts";
import { ImagerError, prefixed } from "../imager/errors.ts";
import { type BaseFile, type ProfileInputs, type Target, targetOf } from "../imager/inputs.ts";
import { LocalInputs } from "../imager/local-inputs.ts";
import { overlayProfiles } from "../imager/overlay.ts";
import { TalosError } from "../talos/errors.ts";
import type { Profile } from "../talos/profile.ts";
import { fillDefaults, resolveProfile } from "../talos/profile-defaults.ts";
import { CONTAINER_ASSET } from "../talos/profile-model.ts";
import { outputPath } from "../talos/profile-names.ts";
import { emitProfile, parseProfile } from "../talos/profile-yaml.ts";
import { CliError } from "./errors.ts";
import { exitCode } from "./exit.ts";
import { type Invocation, profileFromArgs } from "./flags.ts";
import { OutputFile } from "./output.ts";
import { mebibytes, Progress, type Terminal } from "./progress.ts";
import { Registries } from "./registries.ts";
import { type Environment, readSettings, type Settings } from "./settings.ts";
import { writeTarball } from "./tarball.ts";
import { USAGE } from "./usage.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

/** A process as the imager sees it. */
export interface Surroundings {
  /** Behind the command's name. */
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Writable;
  readonly stderr: Terminal;
  /** Node's name of the processor. */
  readonly processor: string;
  /** Aborted with a `cancelled` error when nobody wants the output any more. */
  readonly signal: AbortSignal;
}

type Work = Exclude<Invocation, { $case: "help" }>;

const MAX_PROFILE_BYTES = 16 * MiB;
const MAX_FLAG_FILE_BYTES = 64 * MiB;
const GO_ARCH: Readonly<Record<string, string>> = { x64: "amd64" };

/** Runs one command and gives the exit code; whatever goes wrong is said on standard error in one line. */
export async function run(around: Surroundings): Promise<number> {
  const progress = new Progress(around.stderr);
  try {
    const hostArch = GO_ARCH[around.processor] ?? around.processor;
    const invocation = profileFromArgs(around.args, { hostArch, readFile: readFlagFile });
    if (invocation.$case === "help") around.stdout.write(USAGE);
    else await make(invocation, around, progress);
    return 0;
  } catch (error) {
    progress.clear();
    around.stderr.write(`imager: ${explained(error)}\n`);
    return exitCode(error);
  }
}

/** A message for a person; only faults of the program come with the place they happened at. */
function explained(error: unknown): string {
  if (!(error instanceof FactoryError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (error.code === "grub_missing") return `${error.message} (IMAGER_GRUB names one; see imager --help)`;
  return error.code === "usage_invalid" ? `${error.message} (see imager --help)` : error.message;
}

function readFlagFile(path: string): Uint8Array {
  if (statSync(path).size > MAX_FLAG_FILE_BYTES) throw new Error(`${path}: more than ${MAX_FLAG_FILE_BYTES} bytes`);
  return readFileSync(path);
}

async function make(work: Work, around: Surroundings, progress: Progress): Promise<void> {
  const { signal, stdout } = around;
  const warn = (line: string): void => progress.line(line);
  const settings = readSettings(around.environment);
  const registries = new Registries(settings, warn);
  progress.line("assembling the finalized profile...");
  const asked = work.$case === "named" ? work.profile : parseProfile(await wholeInput(around.stdin));
  await using workshop = await openWorkshop(settings, {
    onDerived: (kind, _key, durationMs, bytes) =>
      progress.line(`made ${kind} in ${(durationMs / 1000).toFixed(1)} s, ${mebibytes(bytes)}`),
    warn,
  });
  const making = { workshop, settings, registries, progress, signal };
  const target = await targetFor(asked, making);
  progress.line(`profile ready:\n${dump(target.profile)}`);
  checkOutput(target);
  const deps = depsFor(target.profile.version, making);
  progress.line(`kernel command line: ${await outputCmdline(deps, target, signal)}`);
  const path = await build(work.output, target, deps, making);
  progress.line(`output asset path: ${path}`);
  if (work.tarToStdout) await writeTarball(work.output, stdout, signal);
}

async function wholeInput(stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    size += chunk.length;
    if (size > MAX_PROFILE_BYTES) {
      throw new TalosError("profile_invalid", `profile on standard input: more than ${MAX_PROFILE_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return concatBytes(...chunks);
}

interface Making {
  readonly workshop: Workshop;
  readonly settings: Settings;
  readonly registries: Registries;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What building for a version needs. */
function depsFor(version: string, { workshop, settings, registries }: Making): BuildDeps {
  const { blobs, deriver, grub } = workshop;
  const inputs = new LocalInputs({
    deriver,
    blobs,
    open: (path) => createReadStream(path),
    registry: (host, insecure) => registries.spec(host, insecure),
    policy: settings.policy,
    install: registries.installImage(version),
    isHere: existsSync,
  });
  return { inputs: withCopies(inputs), deriver, blobs, grub, mtime: settings.mtime };
}

/** The profile over its base and with its defaults. The sources are only asked for a version when nothing names one. */
async function targetFor(asked: Profile, making: Making): Promise<Target> {
  const { settings, registries, workshop, progress, signal } = making;
  const isolated = asked.overlay && (await workshop.isolation());
  if (isolated && isolated !== "namespaces") {
    progress.line(`warning: the overlay's installer runs without namespaces (${isolated})`);
  }
  const shipped = asked.overlay ? await overlayProfiles(depsFor("", making), asked, signal) : undefined;
  const named = resolveProfile(asked, {
    ownVersion: settings.version ?? "",
    ...(shipped ? { overlayProfiles: shipped } : {}),
  });
  const newest = (): Promise<string> =>
    prefixed("no version: the profile has none, nor has IMAGER_VERSION, and the newest is unknown", () =>
      registries.newest(),
    );
  const whole = named.version === "" ? { ...named, version: await newest() } : named;
  return targetOf(fillDefaults(whole, { exists: existsSync }));
}

/** The embedded configuration shows as what it becomes: one more extension (imager.md 0). */
function dump(profile: Profile): string {
  const { input, customization } = profile;
  if (customization.embeddedMachineConfiguration === "") return emitProfile(profile);
  const tarballPath = join(tmpdir(), `imager-${randomUUID()}`, "embedded-config.tar");
  const systemExtensions = [...input.systemExtensions, { ...CONTAINER_ASSET.zero, tarballPath }];
  return emitProfile({ ...profile, input: { ...input, systemExtensions } });
}

/** Formats that the reference leaves to a program that refuses an empty list of options (outputs.md 4.1). */
const NEEDS_OPTIONS: readonly string[] = ["qcow2", "vhd"];

/** What the reference only notices when the output is there, or nearly. */
function checkOutput(target: Target): void {
  const { kind, outFormat, imageOptions } = target.profile.output;
  if (outFormat === "unknown") throw new TalosError("profile_invalid", `unknown output format: ${outFormat}`);
  if (kind === "image" && imageOptions?.diskFormat === "unknown") {
    throw new CliError("format_unsupported", "imageOptions.diskFormat: unknown");
  }
  checkBuildable(target);
  if (kind !== "image" || !imageOptions || imageOptions.diskFormatOptions !== "") return;
  if (!NEEDS_OPTIONS.includes(imageOptions.diskFormat)) return;
  const reason = `${imageOptions.diskFormat} needs some, such as those of its built-in profiles`;
  throw new ImagerError("disk_format_invalid", `imageOptions.diskFormatOptions: ${reason}`);
}

/** Makes the output in a folder and gives its path. */
async function build(folder: string, target: Target, deps: BuildDeps, { workshop, progress, signal }: Making) {
  const { profile } = target;
  const { outFormat } = profile.output;
  const name = `${outputPath(profile)}${outFormat === "raw" ? "" : outFormat}`;
  await using output = await OutputFile.create(folder, name);
  progress.now(`building ${name}...`);
  const recipe = await buildOutput(deps, target, signal);
  progress.line(`writing ${name}, ${mebibytes(recipe.size)}...`);
  await output.write(recipe, workshop.blobs, signal, (done) => progress.bytes(name, done, recipe.size));
  await output.publish();
  return output.path;
}

/** A file that cannot be copied is a matter of I/O to the reference, one that cannot be built in is not (imager.md 2.4). */
function withCopies(inputs: ProfileInputs): ProfileInputs {
  return {
    extension: (...args) => inputs.extension(...args),
    contents: (...args) => inputs.contents(...args),
    async file(kind, asset, target, signal) {
      try {
        return await inputs.file(kind, asset, target, signal);
      } catch (cause) {
        const missing = cause instanceof FactoryError && cause.code === "asset_missing";
        if (missing && isCopied(kind, target)) throw new CliError("file_unreadable", messageOf(cause), { cause });
        throw cause;
      }
    },
  };
}

/** An initramfs that is rebuilt starts as a copy. */
function isCopied(kind: BaseFile, { profile: { input, output } }: Target): boolean {
  return kind === output.kind || (kind === "initramfs" && input.systemExtensions.length > 0);
}
