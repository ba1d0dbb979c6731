/** A factory's profile: what the path asks for, changed as the schematic wants it (factory.md 3.2, 3.3). */
import { messageOf } from "../errors.ts";
import { ENROLL_KEYS, type EnrollKeys } from "./boottext.ts";
import { TalosError } from "./errors.ts";
import { availableExtension } from "./extensions.ts";
import type { ContainerAsset, ImageOptions, IsoOptions, Profile, ProfileOutput, SecureBootAssets } from "./profile.ts";
import { OS_NAME } from "./profile-defaults.ts";
import { EMPTY_PROFILE, IMAGE_OPTIONS, ISO_OPTIONS, mergeProfiles } from "./profile-model.ts";
import { parseOverlayProfile } from "./profile-yaml.ts";
import { type Quirks, quirks } from "./quirks.ts";
import type { Schematic } from "./schematic.ts";
import type { TalosVersion } from "./version.ts";

/** An official overlay. */
export interface OverlayOffer {
  readonly name: string;
  /** Repository. */
  readonly image: string;
  /** Text of `profiles/<name>.yaml` in the image for the target, undefined when there is none. */
  readonly profile: Uint8Array | string | undefined;
}

/** Where the images are that a profile names. */
export interface AssetLocations {
  /** The installer image of the version. */
  baseInstaller(arch: string): ContainerAsset;
  /** An official extension, by its available name. */
  extension(name: string, arch: string): ContainerAsset;
  /** The extension with the schematic's id (factory.md 3.4). */
  schematicExtension(): ContainerAsset;
  overlay(offer: OverlayOffer, arch: string): ContainerAsset;
}

/** What the factory offers for one version, schematic and architecture. */
export interface EnhanceContext {
  /** Who signs; undefined when SecureBoot is off. */
  readonly secureboot: SecureBootAssets | undefined;
  /** Names of the official extensions. */
  readonly extensions: readonly string[];
  readonly overlays: readonly OverlayOffer[];
  readonly locations: AssetLocations;
  /** The architecture overlay installers run on. */
  readonly hostArch: string;
}

interface Request {
  readonly schematic: Schematic;
  readonly version: TalosVersion;
  readonly quirks: Quirks;
  readonly context: EnhanceContext;
}

/** One thing a schematic changes. */
type Step = (profile: Profile, request: Request) => Profile;

/** In the reference's order, which decides what a client with several faults is told. */
const STEPS: readonly Step[] = [
  embedConfig,
  signForSecureBoot,
  refuseOldOverlay,
  nameBaseInstaller,
  addExtensions,
  addOverlay,
  customize,
];

/**
 * The full profile of a download, defaults excluded. Throws `profile_unsupported` (the version lacks something, SecureBoot is
 * off), `profile_invalid`, `extension_unavailable`, `overlay_unavailable`, `overlay_invalid` (its profile is missing or broken).
 */
export function enhanceProfile(
  profile: Profile,
  schematic: Schematic,
  version: TalosVersion,
  context: EnhanceContext,
): Profile {
  const request = { schematic, version, quirks: quirks(version), context };
  const enhanced = STEPS.reduce((changed, step) => step(changed, request), profile);
  return { ...enhanced, name: OS_NAME, version: version.tag };
}

/** Kernel and command line carry no initramfs, hence no extensions. */
function isBare({ output }: Profile): boolean {
  return output.kind === "kernel" || output.kind === "cmdline";
}

function unsupported(what: string, version: TalosVersion): TalosError {
  return new TalosError("profile_unsupported", `${what} is not supported for Talos version ${version.tag}`);
}

function embedConfig(profile: Profile, { schematic, version, quirks }: Request): Profile {
  const { embeddedMachineConfiguration } = schematic.customization;
  if (isBare(profile) || embeddedMachineConfiguration === "") return profile;
  if (!quirks.supportsEmbeddedConfig) throw unsupported("embedding configuration", version);
  return { ...profile, customization: { ...profile.customization, embeddedMachineConfiguration } };
}

function signForSecureBoot(profile: Profile, { schematic, context }: Request): Profile {
  if (profile.secureboot !== true) return profile;
  if (!context.secureboot) throw new TalosError("profile_unsupported", "secure boot is disabled");
  const { enrollKeys, includeWellKnownCertificates } = schematic.customization.secureboot;
  const includeWellKnownCerts = context.secureboot.includeWellKnownCerts || includeWellKnownCertificates;
  const input = { ...profile.input, secureboot: { ...context.secureboot, includeWellKnownCerts } };
  if (enrollKeys === "") return { ...profile, input };
  return { ...profile, input, output: enrolling(profile.output, parseEnrollKeys(enrollKeys)) };
}

function parseEnrollKeys(text: string): EnrollKeys {
  const known = ENROLL_KEYS.find((name) => name === text.toLowerCase());
  if (known !== undefined) return known;
  const reason = `${text} does not belong to SDBootEnrollKeys values`;
  throw new TalosError("profile_invalid", `invalid secureboot enrollKeys value ${JSON.stringify(text)}: ${reason}`);
}

/** Only media with a boot loader configuration of their own say how keys are enrolled. */
function enrolling(output: ProfileOutput, sdBootEnrollKeys: EnrollKeys): ProfileOutput {
  if (output.kind === "iso") return withIsoOptions(output, { sdBootEnrollKeys });
  return output.kind === "image" ? withImageOptions(output, { sdBootEnrollKeys }) : output;
}

function withImageOptions(output: ProfileOutput, changes: Partial<ImageOptions>): ProfileOutput {
  return { ...output, imageOptions: { ...(output.imageOptions ?? IMAGE_OPTIONS.zero), ...changes } };
}

function withIsoOptions(output: ProfileOutput, changes: Partial<IsoOptions>): ProfileOutput {
  return { ...output, isoOptions: { ...(output.isoOptions ?? ISO_OPTIONS.zero), ...changes } };
}

/** Also for kinds that would take nothing from it. */
function refuseOldOverlay(profile: Profile, { schematic, version, quirks }: Request): Profile {
  if (schematic.overlay.name !== "" && !quirks.supportsOverlay) throw unsupported("overlay", version);
  return profile;
}

function nameBaseInstaller(profile: Profile, { context }: Request): Profile {
  if (profile.output.kind !== "installer") return profile;
  return { ...profile, input: { ...profile.input, baseInstaller: context.locations.baseInstaller(profile.arch) } };
}

function addExtensions(profile: Profile, { schematic, version, context }: Request): Profile {
  if (isBare(profile)) return profile;
  const offered = new Set(context.extensions);
  const official = schematic.customization.systemExtensions.officialExtensions.map((name) => {
    const available = availableExtension(name, (candidate) => offered.has(candidate));
    if (available !== undefined) return context.locations.extension(available, profile.arch);
    const shown = JSON.stringify(name);
    const message = `official extension ${shown} is not available for Talos version ${version.tag}`;
    throw new TalosError("extension_unavailable", message);
  });
  const own = context.locations.schematicExtension();
  const { input } = profile;
  return { ...profile, input: { ...input, systemExtensions: [...input.systemExtensions, ...official, own] } };
}

function addOverlay(profile: Profile, { schematic, version, context }: Request): Profile {
  const { name, options } = schematic.overlay;
  if (isBare(profile) || name === "") return profile;
  const offer = context.overlays.find((overlay) => overlay.name === name);
  if (!offer) {
    // The reference prints its empty search result instead of the name.
    const message = `official overlay {"" "" ""} is not available for Talos version ${version.tag}`;
    throw new TalosError("overlay_unavailable", message);
  }
  const { locations, hostArch } = context;
  const merged = mergeOverlay(profile, offer);
  return {
    ...merged,
    input: { ...merged.input, overlayInstaller: locations.overlay(offer, profile.arch) },
    overlay: { name, image: locations.overlay(offer, hostArch), options },
  };
}

/** What an overlay's own profile may say: all but what the path, the factory or the schematic decide (factory.md 3.3). */
function overlayChanges({ baseProfileName, name, customization, output }: Profile): Profile {
  const { imageOptions, isoOptions } = output;
  const changed =
    imageOptions && ({ ...imageOptions, diskSize: 0n, diskFormat: "unknown", diskFormatOptions: "" } as const);
  return {
    ...EMPTY_PROFILE,
    baseProfileName,
    name,
    customization,
    output: { ...EMPTY_PROFILE.output, imageOptions: changed, isoOptions },
  };
}

function mergeOverlay(profile: Profile, { name, profile: text }: OverlayOffer): Profile {
  const failed = (reason: string, cause?: unknown): TalosError =>
    new TalosError("overlay_invalid", `error merging overlay profile: ${reason}`, { cause });
  if (text === undefined) throw failed(`error reading overlay profile profiles/${name}.yaml: no such file`);
  try {
    return mergeProfiles(profile, overlayChanges(parseOverlayProfile(text)));
  } catch (cause) {
    throw failed(`profiles/${name}.yaml: ${messageOf(cause)}`, cause);
  }
}

function customize(profile: Profile, { schematic, quirks }: Request): Profile {
  const { output } = profile;
  const { bootloader, diskImage } = schematic.customization;
  switch (output.kind) {
    case "kernel":
    case "initramfs":
      return profile;
    case "installer":
    case "uki":
      // Before installers were unified, only what is signed took arguments.
      return profile.secureboot === true || quirks.supportsUnifiedInstaller ? withArgs(profile, schematic) : profile;
    case "iso": {
      const chosen = bootloader === "none" ? output : withIsoOptions(output, { bootloader });
      return { ...withMeta(withArgs(profile, schematic), schematic), output: chosen };
    }
    case "image": {
      const chosen = bootloader === "none" ? output : withImageOptions(output, { bootloader });
      const { sectorSize } = diskImage;
      const sized = sectorSize === 0n ? chosen : withImageOptions(chosen, { diskSectorSize: sectorSize });
      return { ...withMeta(withArgs(profile, schematic), schematic), output: sized };
    }
    default:
      return withMeta(withArgs(profile, schematic), schematic);
  }
}

function withArgs(profile: Profile, { customization: { extraKernelArgs } }: Schematic): Profile {
  const { customization } = profile;
  const args = [...customization.extraKernelArgs, ...extraKernelArgs];
  return { ...profile, customization: { ...customization, extraKernelArgs: args } };
}

function withMeta(profile: Profile, { customization: { meta } }: Schematic): Profile {
  const { customization } = profile;
  return { ...profile, customization: { ...customization, metaContents: [...customization.metaContents, ...meta] } };
}
