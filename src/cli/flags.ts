/** The imager's command line: which profile it asks for, and where the output goes (imager.md 2.1 to 2.3). */
import { messageOf } from "../errors.ts";
import { parseReference } from "../sources/index.ts";
import { ENROLL_KEYS } from "../talos/boottext.ts";
import { TalosError } from "../talos/errors.ts";
import { type MetaValue, parseMeta } from "../talos/meta.ts";
import type { ContainerAsset, Profile, ProfileInput, ProfileOutput, SecureBootAssets } from "../talos/profile.ts";
import {
  CONTAINER_ASSET,
  EMPTY_PROFILE,
  IMAGE_OPTIONS,
  ISO_OPTIONS,
  OUTPUT_KINDS,
  SECUREBOOT_ASSETS,
} from "../talos/profile-model.ts";
import { decodeAs, FieldDecoder } from "../talos/yaml-decode.ts";
import { readYaml } from "../talos/yaml-read.ts";
import { sortedMap, type YamlMap, type YamlValue, yaml } from "../talos/yaml-value.ts";
import { CliError } from "./errors.ts";
import { type ParsedFlags, parseFlags } from "./flagset.ts";

export interface FlagContext {
  /** What is built for without `--arch`: the architecture of this machine, in Go's spelling. */
  readonly hostArch: string;
  /** The whole of a file; the caller bounds its size. Whatever it throws becomes `file_unreadable`. */
  readonly readFile: (path: string) => Uint8Array;
}

/** Where the output goes. */
interface Destination {
  /** A folder, made when it is not there. */
  readonly output: string;
  /** The folder is written to standard output as a gzip-compressed tar at the end. */
  readonly tarToStdout: boolean;
}

/** What the arguments ask for: help, the profile on standard input, or a named profile with what the flags put over it. */
export type Invocation =
  | { readonly $case: "help" }
  | ({ readonly $case: "stdin" } & Destination)
  | ({ readonly $case: "named"; readonly profile: Profile } & Destination);

const FLAGS = {
  arch: "text",
  platform: "text",
  "base-installer-image": "text",
  "image-cache": "text",
  insecure: "switch",
  "extra-kernel-arg": "list",
  meta: "list",
  "system-extension-image": "list",
  output: "text",
  "output-kind": "text",
  "tar-to-stdout": "switch",
  "overlay-name": "text",
  "overlay-image": "text",
  "overlay-option": "list",
  "embedded-config-path": "text",
  "secureboot-include-well-known-certs": "switch",
  "secureboot-signer-address": "text",
  "pcr-signer-address": "text",
  "secureboot-enroll-keys": "text",
  help: "switch",
} as const;

type Flags = ParsedFlags<keyof typeof FLAGS>;

const SHORTHANDS = { h: "help" } as const;
const DEFAULT_OUTPUT = "/out";
/** Standard input instead of a profile's name. */
const STDIN = "-";

/**
 * Reads the arguments behind the command's name; the profile is as a user would have written it, before bases and defaults.
 * With standard input only the destination counts. Throws `usage_invalid`, `file_unreadable`, and `profile_invalid` for
 * words that no field takes.
 */
export function profileFromArgs(args: readonly string[], context: FlagContext): Invocation {
  const flags = parseFlags(args, FLAGS, SHORTHANDS);
  const metaContents = flags.list("meta").map(metaValue);
  if (flags.switch("help")) return { $case: "help" };
  const { positional } = flags;
  const [name] = positional;
  if (name === undefined || positional.length > 1) {
    throw new CliError("usage_invalid", `accepts 1 argument, received ${positional.length}`);
  }
  const destination = { output: flags.text("output") ?? DEFAULT_OUTPUT, tarToStdout: flags.switch("tar-to-stdout") };
  if (name === STDIN) return { $case: "stdin", ...destination };
  return { $case: "named", profile: namedProfile(name, flags, metaContents, context), ...destination };
}

function metaValue(text: string): MetaValue {
  try {
    return parseMeta(text);
  } catch (cause) {
    throw new CliError("usage_invalid", `--meta: ${messageOf(cause)}`, { cause });
  }
}

function namedProfile(
  baseProfileName: string,
  flags: Flags,
  metaContents: readonly MetaValue[],
  context: FlagContext,
): Profile {
  const options = overlayOptions(flags.list("overlay-option"), context);
  const name = flags.text("overlay-name") ?? "";
  const image = imageAsset(flags.text("overlay-image") ?? "", false);
  const configPath = flags.text("embedded-config-path") ?? "";
  return {
    ...EMPTY_PROFILE,
    baseProfileName,
    arch: flags.text("arch") ?? context.hostArch,
    platform: flags.text("platform") ?? "",
    overlay: name === "" && image.imageRef === "" ? undefined : { name, image, options },
    input: profileInput(flags),
    output: profileOutput(flags),
    customization: {
      extraKernelArgs: flags.list("extra-kernel-arg"),
      metaContents,
      embeddedMachineConfiguration: configPath === "" ? "" : fileText("embedded-config-path", configPath, context),
    },
  };
}

/** An image, or nothing at all for an empty reference: an asset with only `forceInsecure` would count as given. */
function imageAsset(imageRef: string, forceInsecure: boolean): ContainerAsset {
  return imageRef === "" ? CONTAINER_ASSET.zero : { ...CONTAINER_ASSET.zero, imageRef, forceInsecure };
}

function profileInput(flags: Flags): ProfileInput {
  const insecure = flags.switch("insecure");
  return {
    ...EMPTY_PROFILE.input,
    baseInstaller: imageAsset(flags.text("base-installer-image") ?? "", insecure),
    imageCache: imageCache(flags.text("image-cache") ?? "", insecure),
    overlayInstaller: imageAsset(flags.text("overlay-image") ?? "", false),
    secureboot: secureBoot(flags),
    systemExtensions: flags
      .list("system-extension-image")
      .map((imageRef) => ({ ...CONTAINER_ASSET.zero, imageRef, forceInsecure: insecure })),
  };
}

/** A full image reference, else the path of an OCI layout. */
function imageCache(text: string, insecure: boolean): ContainerAsset {
  return isFullReference(text) ? imageAsset(text, insecure) : { ...CONTAINER_ASSET.zero, ociPath: text };
}

/** Names of Docker Hub, whose images of one component stand for `library/…` and so are not full. */
const DOCKER_HUB = ["docker.io", "index.docker.io"];

/** True when registry, repository and tag or digest are all there. */
function isFullReference(text: string): boolean {
  try {
    const { registry, repository, tag, digest } = parseReference(text);
    if (registry === undefined || (tag === undefined && digest === undefined)) return false;
    return repository.includes("/") || !DOCKER_HUB.includes(registry);
  } catch {
    return false;
  }
}

function secureBoot(flags: Flags): SecureBootAssets | undefined {
  const { zero } = SECUREBOOT_ASSETS;
  const assets: SecureBootAssets = {
    ...zero,
    includeWellKnownCerts: flags.switch("secureboot-include-well-known-certs"),
    secureBootSigner: { ...zero.secureBootSigner, signerAddress: flags.text("secureboot-signer-address") ?? "" },
    pcrSigner: { ...zero.pcrSigner, signerAddress: flags.text("pcr-signer-address") ?? "" },
  };
  return SECUREBOOT_ASSETS.isZero(assets) ? undefined : assets;
}

function profileOutput(flags: Flags): ProfileOutput {
  const kind = word("output-kind", flags, OUTPUT_KINDS) ?? EMPTY_PROFILE.output.kind;
  const sdBootEnrollKeys = word("secureboot-enroll-keys", flags, ENROLL_KEYS);
  const output = { ...EMPTY_PROFILE.output, kind };
  if (sdBootEnrollKeys === undefined) return output;
  return {
    ...output,
    imageOptions: { ...IMAGE_OPTIONS.zero, sdBootEnrollKeys },
    isoOptions: { ...ISO_OPTIONS.zero, sdBootEnrollKeys },
  };
}

/** One of `words` in any case; undefined when the flag is not given or empty. */
function word<Word extends string>(flag: keyof typeof FLAGS, flags: Flags, words: readonly Word[]): Word | undefined {
  const text = flags.text(flag) || undefined;
  const found = words.find((one) => one === text?.toLowerCase());
  if (text !== undefined && found === undefined) {
    throw new TalosError("profile_invalid", `--${flag}: ${JSON.stringify(text)} is none of ${words.join(", ")}`);
  }
  return found;
}

/** `@file` with a YAML mapping, `key=@file`, `key=value` or a bare key, each over those before it (imager.md 2.3). */
function overlayOptions(given: readonly string[], context: FlagContext): YamlMap {
  const options = new Map<string, YamlValue>();
  for (const option of given) {
    if (option.startsWith("@")) {
      for (const [key, value] of fileOptions(option.slice(1), context)) options.set(key, value);
      continue;
    }
    const split = option.indexOf("=");
    const [key, value] = split < 0 ? [option, ""] : [option.slice(0, split), option.slice(split + 1)];
    const text = value.startsWith("@") ? fileText("overlay-option", value.slice(1), context) : value;
    options.set(key, yaml.string(text));
  }
  return sortedMap(Array.from(options, ([key, value]) => [yaml.string(key), value]));
}

function* fileOptions(path: string, context: FlagContext): Generator<readonly [string, YamlValue]> {
  const bytes = fileBytes("overlay-option", path, context);
  const { entries } = decodeAs("profile_invalid", () => {
    const root = readYaml(bytes);
    if (!root) throw new TalosError("profile_invalid", `--overlay-option: ${path}: no document`);
    const decoder = new FieldDecoder(false);
    const options = decoder.options(root);
    decoder.finish();
    return options;
  });
  for (const [key, value] of entries) if (key.$case === "string") yield [key.value, value];
}

function fileText(flag: keyof typeof FLAGS, path: string, context: FlagContext): string {
  return Buffer.from(fileBytes(flag, path, context)).toString("utf8");
}

function fileBytes(flag: keyof typeof FLAGS, path: string, { readFile }: FlagContext): Uint8Array {
  try {
    return readFile(path);
  } catch (cause) {
    throw new CliError("file_unreadable", `--${flag}: ${messageOf(cause)}`, { cause });
  }
}
