import { type Profile, validateProfile } from "../../../src/talos/profile.ts";
import { fillDefaults } from "../../../src/talos/profile-defaults.ts";
import { outputPath, profileFromPath } from "../../../src/talos/profile-names.ts";
import { emitProfile } from "../../../src/talos/profile-yaml.ts";
import { Refusal } from "../diff.ts";
import { attempt, type Comparison, family, type Recorded, refusal } from "../family.ts";

interface PathCase extends Recorded {
  readonly path: string;
  readonly version: string;
  /** The dump, before defaults and without a version. */
  readonly profile?: string;
  /** What the defaults decided. */
  readonly filled?: {
    readonly bootloader?: string;
    readonly disk_size?: number;
    readonly sd_boot_enroll_keys?: string;
  };
  readonly output_path?: string;
  readonly error?: string;
  readonly validate_error?: string;
  /** The reference crashes. */
  readonly panic?: string;
}

function filledFields({ output }: Profile): PathCase["filled"] {
  const { kind, imageOptions, isoOptions } = output;
  if (kind === "image" && imageOptions) {
    return { bootloader: imageOptions.bootloader, disk_size: Number(imageOptions.diskSize) };
  }
  if (kind !== "iso" || !isoOptions) return undefined;
  return { bootloader: isoOptions.bootloader, sd_boot_enroll_keys: isoOptions.sdBootEnrollKeys };
}

/** What a path asks for and what becomes of it; a path that is refused gives nothing else. */
function resolved({ path, version }: PathCase) {
  const profile = attempt(() => profileFromPath(path));
  if (profile instanceof Refusal) return profile;
  const filled = fillDefaults({ ...profile, version }, { exists: () => false });
  return {
    profile: emitProfile(profile),
    filled: filledFields(filled),
    output: attempt(() => {
      validateProfile(filled);
      return outputPath(filled);
    }),
  };
}

export const paths = family<PathCase>("paths", (item): Comparison => {
  const { error, panic, profile, filled, validate_error, output_path } = item;
  return {
    recorded: refusal(error, "4xx") ??
      refusal(panic) ?? {
        profile,
        filled,
        output: refusal(validate_error) ?? output_path,
      },
    ours: resolved(item),
  };
});
