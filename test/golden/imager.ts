/** Profiles built as the reference's `imager -` was run for the recorded artifacts. */
import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { grubModules } from "../../fixtures/grub.ts";
import type { Digest } from "../../src/bytes/digest.ts";
import { profileFromArgs } from "../../src/cli/flags.ts";
import { blob, concat, type Recipe, recipe, stream } from "../../src/extents/index.ts";
import { buildOutput, outputCmdline } from "../../src/imager/build.ts";
import type { BuildDeps } from "../../src/imager/deps.ts";
import { type Derivation, Deriver } from "../../src/imager/derive.ts";
import { GrubImages } from "../../src/imager/grub.ts";
import { type Target, targetOf } from "../../src/imager/inputs.ts";
import { LocalInputs } from "../../src/imager/local-inputs.ts";
import { overlayProfiles } from "../../src/imager/overlay.ts";
import { GrubFolder, type SourceSpec } from "../../src/sources/index.ts";
import { LocalBlobStore } from "../../src/store/local-blobs.ts";
import { LocalRecords } from "../../src/store/local-records.ts";
import type { Profile } from "../../src/talos/profile.ts";
import { fillDefaults, resolveProfile } from "../../src/talos/profile-defaults.ts";
import { parseProfile } from "../../src/talos/profile-yaml.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { WorkerPool } from "../../src/workers/pool.ts";
import type { JobKind, Jobs } from "../../src/workers/protocol.ts";
import { temporaryFolder } from "../support/folder.ts";
import type { GoldenContext, Recorded } from "./family.ts";

/** How an artifact case was run. */
export interface ArtifactCase extends Recorded {
  /** The tag whose `usr/install` stood at `/usr/install`. */
  readonly release: string;
  /** On standard input. */
  readonly profile?: string;
  readonly args?: readonly string[];
  readonly exitCode: number;
  /** What the files made for a case were made of, in words. */
  readonly generatedInputs?: Readonly<Record<string, string>>;
}

/** The time of the cases that set one (`SOURCE_DATE_EPOCH`); those that do not have times nobody compares. */
export const EPOCH = 1_700_000_000;
/** Where the reference ran. */
const HOST_ARCH = "amd64";
/** What the reference was built as. */
const OWN = { tag: "v1.14.0-beta.1", kernelRelease: "6.18.45-talos" };
const NEVER = new AbortController().signal;

/** A job that runs an overlay's executable. */
export type OverlayJob =
  | { readonly kind: "overlayOptions"; readonly input: Jobs["overlayOptions"]["input"] }
  | { readonly kind: "overlayInstall"; readonly input: Jobs["overlayInstall"]["input"] };

/** A deriver that remembers which overlays were asked. */
class WatchedDeriver extends Deriver {
  asked: OverlayJob[] = [];

  override async derive<Kind extends JobKind>(
    derivation: Derivation<Kind>,
    signal: AbortSignal,
  ): Promise<Jobs[Kind]["output"]> {
    if (/^overlay/.test(derivation.kind)) this.asked.push(derivation as unknown as OverlayJob);
    return await super.derive(derivation, signal);
  }
}

/** One imager for all cases of a family, with a store of its own. */
export interface GoldenImager extends AsyncDisposable {
  readonly blobs: LocalBlobStore;
  /** The profile as it is dumped before anything is built. */
  resolve(item: ArtifactCase): Promise<Target>;
  build(item: ArtifactCase, target: Target): Promise<Recipe>;
  cmdline(item: ArtifactCase, target: Target): Promise<string>;
  /** What overlays' executables were asked since `build` was called last, in order, answers that were known already included. */
  asked(): readonly OverlayJob[];
  /** Digest of a file as recordings name it: of the release, `usr/install/…`, or an input, `/inputs/…`. */
  installed(item: ArtifactCase, target: Target, path: string): Promise<Digest>;
}

export async function goldenImager(context: GoldenContext): Promise<GoldenImager> {
  const folder = await temporaryFolder();
  const { codec, native } = loadCodec();
  const dataFolder = join(folder.path, "data");
  const blobs = await LocalBlobStore.open(dataFolder, Date.now());
  const pool = new WorkerPool({ dataFolder, forceFallbackCodec: !native, mtime: EPOCH });
  const deriver = new WatchedDeriver({
    blobs,
    records: await LocalRecords.open(dataFolder),
    run: (kind, input, signal) => pool.run(kind, input, signal),
    codecs: `${codec.zstdId}, ${codec.xzId}`,
    mtime: EPOCH,
    onDerived: () => undefined,
  });
  const grub = new GrubImages(new GrubFolder(await grubModules(() => undefined)), deriver);
  const release: SourceSpec = { $case: "layout", folder: join(context.inputs, "release") };
  const inputsOf = (item: ArtifactCase, target?: Target): LocalInputs => {
    const inputs = new LocalInputs({
      deriver,
      blobs,
      open: (path) => openInput(path),
      registry: () => release,
      policy: { $case: "disabled" },
      install: `ghcr.io/siderolabs/imager:${item.release}`,
    });
    const openInput = (path: string): AsyncIterable<Uint8Array> => {
      const generated = Object.entries(item.generatedInputs ?? {}).find(([name]) => inFolder(name, context) === path);
      return generated ? padded(generated[1]) : createReadStream(path);
    };
    /** "FILE of the release, extended with zero bytes to SIZE bytes". */
    const padded = async function* (words: string): AsyncGenerator<Uint8Array> {
      const [, name = "", size = ""] =
        /^(\S+) of the release, extended with zero bytes to (\d+) bytes$/.exec(words) ?? [];
      const file = await inputs.file("kernel", { path: `/${name}` }, target!, NEVER);
      const zeros = recipe([{ $case: "zeros", length: Number(size) - file.size }]);
      yield* stream(concat(blob(file.digest, file.size), zeros), blobs);
    };
    return inputs;
  };
  const installed = async (item: ArtifactCase, target: Target, name: string): Promise<Digest> => {
    const path = name.startsWith("/") ? inFolder(name, context) : `/${name}`;
    return (await inputsOf(item, target).file("kernel", { path }, target, NEVER)).digest;
  };
  const depsOf = (item: ArtifactCase, target: Target): BuildDeps => {
    return { inputs: inputsOf(item, target), deriver, blobs, grub, own: OWN, mtime: EPOCH };
  };
  return {
    blobs,
    async resolve(item) {
      const asked = given(item, context);
      return targetOf(resolved(asked, await overlayProfiles({ inputs: inputsOf(item), blobs }, asked, NEVER)));
    },
    build: (item, target) => {
      deriver.asked = [];
      return buildOutput(depsOf(item, target), target, NEVER);
    },
    cmdline: (item, target) => outputCmdline(depsOf(item, target), target, NEVER),
    asked: () => deriver.asked,
    installed,
    async [Symbol.asyncDispose]() {
      await pool.close();
      blobs.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Where the reference's `/inputs` is here. */
function inFolder(path: string, { inputs }: GoldenContext): string {
  return path.replace(/^\/inputs\//, `${inputs}/inputs/`);
}

/** The profile of a run: on its standard input, or on its command line. */
function given({ profile, args }: ArtifactCase, context: GoldenContext): Profile {
  if (args === undefined) return parseProfile((profile ?? "").replaceAll(" /inputs/", ` ${context.inputs}/inputs/`));
  const readFile = (path: string): Uint8Array => readFileSync(inFolder(path, context));
  const invocation = profileFromArgs(args, { hostArch: HOST_ARCH, readFile });
  if (invocation.$case !== "named") throw new Error(`not the arguments of a profile: ${args.join(" ")}`);
  return invocation.profile;
}

function resolved(asked: Profile, overlayProfiles: ReadonlyMap<string, Profile>): Profile {
  return fillDefaults(resolveProfile(asked, { ownVersion: OWN.tag, overlayProfiles }), { exists: () => false });
}
