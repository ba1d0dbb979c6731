/** Profiles made from the few fields that recorded cases name. */
import type { Arch } from "../../src/talos/arch.ts";
import { type Profile, validateProfile } from "../../src/talos/profile.ts";
import { fillDefaults } from "../../src/talos/profile-defaults.ts";
import { parseProfile } from "../../src/talos/profile-yaml.ts";

/** What is built, as far as a case says it. */
export interface BuildFields {
  readonly arch: string;
  readonly platform?: string;
  readonly version: string;
  readonly secureboot?: boolean;
  readonly kind: string;
  readonly extraKernelArgs?: readonly string[];
  readonly meta?: readonly { readonly key: number; readonly value: string }[];
  /** Bytes. */
  readonly diskSize?: number;
  /** Bytes; 0 when not set. */
  readonly sectorSize?: number;
  readonly bootloader?: string;
}

/** Base size of the built-in `metal` profile, in bytes (imager.md 1.7). */
const METAL_DISK_BYTES = 1_306_525_696;

/** A profile as given, before any default. Throws what `parseProfile` refuses. */
export function givenProfile(fields: BuildFields): Profile {
  const { arch, platform = "metal", version, secureboot = false, kind, extraKernelArgs = [], meta = [] } = fields;
  const { diskSize = METAL_DISK_BYTES, sectorSize = 0, bootloader = "" } = fields;
  const chosen = bootloader === "" ? {} : { bootloader };
  const imageOptions = { diskSize, diskFormat: "raw", diskSectorSize: sectorSize, ...chosen };
  const output = { kind, outFormat: "raw", ...(kind === "image" ? { imageOptions } : {}) };
  const customization = { extraKernelArgs, metaContents: meta };
  return parseProfile(JSON.stringify({ arch, platform, secureboot, version, customization, output }));
}

/** A profile with all defaults, found valid: what the imager goes on with. Throws what it refuses. */
export function readyProfile(fields: BuildFields): Profile & { readonly arch: Arch } {
  const profile = fillDefaults(givenProfile(fields), { exists: () => false });
  validateProfile(profile);
  return profile as Profile & { readonly arch: Arch };
}
