/** What a profile gets that its author left out: its base, its name and version, its inputs, its boot loader (imager.md 1.4, 1.5). */
import { baseProfile } from "./base-profiles.ts";
import { type BootTarget, bootloaderFor, diskSizeFor } from "./bootloader.ts";
import { TalosError } from "./errors.ts";
import type { ContainerAsset, FileAsset, Profile, ProfileInput, ProfileOutput, SecureBootAssets } from "./profile.ts";
import {
  CONTAINER_ASSET,
  FILE_ASSET,
  IMAGE_OPTIONS,
  ISO_OPTIONS,
  mergeProfiles,
  PCR_SIGNER,
  SECUREBOOT_ASSETS,
  SECUREBOOT_SIGNER,
} from "./profile-model.ts";
import { type Quirks, quirks } from "./quirks.ts";
import { parseTolerant } from "./version.ts";

/** The name of the operating system (imager.md 1.1). */
export const OS_NAME = "Talos";
/** What an overlay's installer is called when the profile does not say (outputs.md 6.1). */
const DEFAULT_OVERLAY = "default";

export interface ResolveContext {
  /** The tag of this build, the version of a profile that names none. */
  readonly ownVersion: string;
  /** The profiles of the user profile's overlay by file name without `.yaml`; they come before the built-in ones. */
  readonly overlayProfiles?: ReadonlyMap<string, Profile>;
}

/**
 * A user's profile over the base it names, with a name and a version. Bases do not stand on others.
 * Throws `profile_invalid` for an unknown base and for options that do not merge.
 */
export function resolveProfile(user: Profile, { ownVersion, overlayProfiles }: ResolveContext): Profile {
  const { overlay } = user;
  // Only an overlay of the user's own is named before the base is looked at.
  const named = overlay?.name === "" ? { ...user, overlay: { ...overlay, name: DEFAULT_OVERLAY } } : user;
  const baseName = user.baseProfileName;
  const base = baseName === "" ? undefined : (overlayProfiles?.get(baseName) ?? baseProfile(baseName));
  if (baseName !== "" && !base) throw new TalosError("profile_invalid", `unknown base profile: ${baseName}`);
  const merged = base ? mergeProfiles(base, named) : named;
  return {
    ...merged,
    baseProfileName: "",
    name: merged.name || OS_NAME,
    version: merged.version || ownVersion,
  };
}

export interface FillContext {
  /** Whether there is a file at an absolute path. */
  readonly exists: (path: string) => boolean;
}

/** Defaults of inputs and output. Not idempotent: a disk image grows each time (imager.md 1.5). */
export function fillDefaults(profile: Profile, { exists }: FillContext): Profile {
  const version = parseTolerant(profile.version);
  const q = quirks(version);
  const secureboot = profile.secureboot === true;
  // No rule tells other architectures from amd64; they are refused later, by validation.
  const arch = profile.arch === "arm64" ? "arm64" : "amd64";
  const input = filledInput(profile, q);
  return {
    ...profile,
    input: secureboot ? { ...input, secureboot: filledKeys(input.secureboot, exists) } : input,
    output: filledOutput(profile.output, { arch, version, secureboot }, q),
  };
}

/** An asset counts as given as soon as any of its fields is set. */
function filledInput({ input, arch, version }: Profile, q: Quirks): ProfileInput {
  const file = (given: FileAsset, name: string): FileAsset =>
    FILE_ASSET.isZero(given) ? { path: `/usr/install/${arch}/${name}` } : given;
  const installer = q.supportsUnifiedInstaller ? "installer-base" : "installer";
  const baseInstaller: ContainerAsset = CONTAINER_ASSET.isZero(input.baseInstaller)
    ? { ...CONTAINER_ASSET.zero, imageRef: `ghcr.io/siderolabs/${installer}:${version}` }
    : input.baseInstaller;
  return {
    ...input,
    kernel: file(input.kernel, "vmlinuz"),
    initramfs: file(input.initramfs, "initramfs.xz"),
    sdStub: file(input.sdStub, "systemd-stub.efi"),
    sdBoot: file(input.sdBoot, "systemd-boot.efi"),
    baseInstaller,
  };
}

const KEY_FOLDER = "/secureboot";

function filledKeys(given: SecureBootAssets = SECUREBOOT_ASSETS.zero, exists: FillContext["exists"]): SecureBootAssets {
  const database = (path: string, name: string): string => {
    const standard = `${KEY_FOLDER}/${name}.auth`;
    return path === "" && exists(standard) ? standard : path;
  };
  const key = (name: string): string => `${KEY_FOLDER}/${name}.pem`;
  const { secureBootSigner, pcrSigner } = given;
  return {
    ...given,
    secureBootSigner: SECUREBOOT_SIGNER.isZero(secureBootSigner)
      ? { ...secureBootSigner, keyPath: key("uki-signing-key"), certPath: key("uki-signing-cert") }
      : secureBootSigner,
    pcrSigner: PCR_SIGNER.isZero(pcrSigner) ? { ...pcrSigner, keyPath: key("pcr-signing-key") } : pcrSigner,
    platformKeyPath: database(given.platformKeyPath, "PK"),
    keyExchangeKeyPath: database(given.keyExchangeKeyPath, "KEK"),
    signatureKeyPath: database(given.signatureKeyPath, "db"),
  };
}

function filledOutput(output: ProfileOutput, target: BootTarget, q: Quirks): ProfileOutput {
  if (output.kind === "image") {
    const given = output.imageOptions ?? IMAGE_OPTIONS.zero;
    const bootloader = bootloaderFor(given.bootloader, target);
    const growth = BigInt(diskSizeFor(0, bootloader, target.version));
    // The reference's sizes are 64 bits wide and wrap around.
    return { ...output, imageOptions: { ...given, bootloader, diskSize: BigInt.asIntN(64, given.diskSize + growth) } };
  }
  if (output.kind !== "iso" || !q.isoSupportsSettingBootloader) return output;
  const given = output.isoOptions ?? ISO_OPTIONS.zero;
  return { ...output, isoOptions: { ...given, bootloader: bootloaderFor(given.bootloader, target) } };
}
