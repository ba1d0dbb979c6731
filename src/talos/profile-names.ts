/** Profiles and file names: what an output is called (imager.md 1.8), what a download path asks for (factory.md 3.1). */
import { outputName, parseAssetPath } from "./assetname.ts";
import { TalosError } from "./errors.ts";
import type { Profile } from "./profile.ts";
import { EMPTY_PROFILE, IMAGE_OPTIONS } from "./profile-model.ts";

/**
 * File name of the output before it is packed. Throws `profile_invalid` for a profile without output kind, or a disk image
 * without options.
 */
export function outputPath({ platform, arch, secureboot, output: { kind, imageOptions } }: Profile): string {
  if (kind === "unknown") throw new TalosError("profile_invalid", "unknown output kind");
  const named = { $case: kind, platform, arch, secureboot: secureboot === true };
  if (kind !== "image") return outputName(named);
  if (imageOptions) return outputName({ ...named, format: imageOptions.diskFormat });
  throw new TalosError("profile_invalid", "image options are required for image output");
}

/** The profile a download path asks for, before any default. Throws `path_invalid`, `arch_invalid`. */
export function profileFromPath(path: string): Profile {
  const request = parseAssetPath(path);
  const { $case: kind, platform, arch, secureboot } = request;
  const target = { ...EMPTY_PROFILE, platform, arch, secureboot: secureboot || undefined };
  if (request.$case !== "image") return { ...target, output: { ...EMPTY_PROFILE.output, kind, outFormat: "raw" } };
  const { compression, diskSize, format: diskFormat, formatOptions: diskFormatOptions } = request;
  const imageOptions = { ...IMAGE_OPTIONS.zero, diskSize: BigInt(diskSize), diskFormat, diskFormatOptions };
  const outFormat = compression === undefined ? "raw" : (`.${compression}` as const);
  return { ...target, output: { ...EMPTY_PROFILE.output, kind, imageOptions, outFormat } };
}

/** The download path that asks for a profile; of its options only formats show in it. Throws like `outputPath`. */
export function assetPath(profile: Profile): string {
  const { platform, arch, output } = profile;
  const path = outputPath(profile);
  switch (output.kind) {
    case "initramfs":
      return `initramfs-${arch}.xz`;
    case "installer":
      return platform === "metal" ? path : `${platform}-${path}`;
    case "image":
      return output.outFormat === "raw" ? path : `${path}${output.outFormat}`;
    default:
      return path;
  }
}
