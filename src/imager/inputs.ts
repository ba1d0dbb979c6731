import type { BlobRef } from "../extents/index.ts";
import type { Arch } from "../talos/arch.ts";
import type { VirtualExtension } from "../talos/extensions.ts";
import type { ContainerAsset, FileAsset, Profile } from "../talos/profile.ts";
import { validateProfile } from "../talos/profile.ts";
import { type Quirks, quirks } from "../talos/quirks.ts";
import { parseTolerant, type TalosVersion } from "../talos/version.ts";
import type { ExtensionParts, UnpackedTree } from "../workers/protocol.ts";

/** What is built, read out of a profile that has been resolved, filled and found valid. */
export interface Target {
  readonly profile: Profile;
  readonly arch: Arch;
  /** Undefined for a version text that is none; most rules then take the newest (imager.md 3.1). */
  readonly version: TalosVersion | undefined;
  readonly quirks: Quirks;
  readonly secureboot: boolean;
}

/** Throws what `validateProfile` throws. */
export function targetOf(profile: Profile): Target {
  validateProfile(profile);
  const version = parseTolerant(profile.version);
  return {
    profile,
    arch: profile.arch as Arch,
    version,
    quirks: quirks(version),
    secureboot: profile.secureboot === true,
  };
}

/** The single files a profile names (imager.md 1.1). */
export type BaseFile = "kernel" | "initramfs" | "sdStub" | "sdBoot";

export type ExtensionContent =
  | { readonly $case: "image"; readonly parts: ExtensionParts }
  | { readonly $case: "virtual"; readonly extension: VirtualExtension };

/** Where the things come from that a profile names. One implementation serves HTTP, another the command line. */
export interface ProfileInputs {
  /** Throws `asset_missing`. */
  file(kind: BaseFile, asset: FileAsset, target: Target, signal: AbortSignal): Promise<BlobRef>;
  extension(asset: ContainerAsset, target: Target, signal: AbortSignal): Promise<ExtensionContent>;
  /** The whole tree of an image for an architecture, such as an image cache or an overlay. */
  contents(asset: ContainerAsset, of: Pick<Target, "arch">, signal: AbortSignal): Promise<UnpackedTree>;
}
