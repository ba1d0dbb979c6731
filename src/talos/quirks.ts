/**
 * What changed between Talos releases, as tables over versions (imager.md 3.2, 3.3): a new release adds rows. Prereleases count
 * as their release. A version that is unset (undefined) counts as the newest, except where a row says otherwise.
 */
import { GiB, MiB } from "../bytes/align.ts";
import { isAtLeast, type TalosVersion } from "./version.ts";

type Release = readonly [major: number, minor: number, patch?: number];

/** Where a row is from: a function of Talos in `pkg/machinery/imager/quirks/quirks.go`, unless another file is named. */
interface Sourced {
  readonly source: string;
}

/** True from a release on, or before one. */
type Flag = Sourced & { readonly unset: boolean } & ({ readonly since: Release } | { readonly before: Release });

export const QUIRK_FLAGS = {
  supportsResetGrubOption: { since: [1, 4], unset: true, source: "SupportsResetGRUBOption" },
  supportsUKI: { since: [1, 5], unset: true, source: "SupportsUKI" },
  supportsMultidoc: { since: [1, 5], unset: true, source: "SupportsMultidoc" },
  supportsCompressedEncodedMeta: { since: [1, 6, 3], unset: true, source: "SupportsCompressedEncodedMETA" },
  supportsOverlay: { since: [1, 7], unset: true, source: "SupportsOverlay" },
  metalConsoleTTYS0: { before: [1, 8], unset: false, source: "SupportsMetalPlatformConsoleTTYS0" },
  useZstdCompression: { since: [1, 8], unset: true, source: "UseZSTDCompression" },
  supportsISOLabel: { since: [1, 8], unset: true, source: "SupportsISOLabel" },
  supportsHaltIfInstalled: { since: [1, 8], unset: true, source: "SupportsHaltIfInstalled" },
  skipDataPartitions: { since: [1, 8], unset: true, source: "SkipDataPartitions" },
  supportsSELinux: { since: [1, 10], unset: true, source: "SupportsSELinux" },
  supportsUKIProfiles: { since: [1, 10], unset: true, source: "SupportsUKIProfiles" },
  supportsUnifiedInstaller: { since: [1, 10], unset: true, source: "SupportsUnifiedInstaller" },
  /** UEFI machines boot through systemd-boot. */
  useSDBootForUEFI: { since: [1, 10], unset: false, source: "UseSDBootForUEFI" },
  /** The rule is "up to 1.10.99", so 1.10.100 would count as later. */
  supportsIMA: { before: [1, 10, 100], unset: false, source: "SupportsIMA" },
  supportsTalosctlDownload: { since: [1, 11], unset: true, source: "SupportsFactoryTalosctlDownload" },
  supportsEmbeddedConfig: { since: [1, 12], unset: true, source: "SupportsEmbeddedConfig" },
  enforcesModuleSignatures: { since: [1, 12], unset: true, source: "SupportsDisablingModuleSignatureVerification" },
  isoSupportsSettingBootloader: { since: [1, 12], unset: true, source: "ISOSupportsSettingBootloader" },
  procMemOverrideNever: { since: [1, 13], unset: true, source: "ProcMemOverrideNever" },
  dropInitOnAlloc: { since: [1, 14], unset: true, source: "DropInitOnAllocInArgs" },
  nvmeTimeoutOnAWSOnly: { since: [1, 14], unset: true, source: "NvmeCoreIoTimeoutAWSOnly" },
  forcesLockdownConfidentiality: { before: [1, 14], unset: false, source: "ForcesLockdownConfidentiality" },
} as const satisfies Readonly<Record<string, Flag>>;

/** A value that holds from a release on until the next step; an unset version has the last one. */
interface Step<T> extends Sourced {
  readonly since: Release;
  readonly value: T;
}

/** The mkfs.xfs option files by kernel series; each stands for one XFS feature set (outputs.md 2.9.4). */
export type XfsConfig = "lts_6.1" | "lts_6.6" | "lts_6.12" | "lts_6.18";

/** Where extensions carry modules and firmware, below their rootfs. */
const MODULES: readonly Step<"/lib/modules" | "/usr/lib/modules">[] = [
  { since: [0, 0], value: "/lib/modules", source: "KernelModulesPath" },
  { since: [1, 10], value: "/usr/lib/modules", source: "KernelModulesPath" },
];
const FIRMWARE: readonly Step<"/lib/firmware" | "/usr/lib/firmware">[] = [
  { since: [0, 0], value: "/lib/firmware", source: "FirmwarePath" },
  { since: [1, 10], value: "/usr/lib/firmware", source: "FirmwarePath" },
];
/** Bytes of the BOOT partition. */
const BOOT: readonly Step<number>[] = [
  { since: [0, 0], value: 1000 * MiB, source: "PartitionSizes in partitions.go" },
  { since: [1, 11], value: 2000 * MiB, source: "PartitionSizes in partitions.go" },
];
/** Bytes; 0 means no minimum. Only the node itself uses it. */
const XFS_MIN_ALLOCATION_GROUP: readonly Step<number>[] = [
  { since: [0, 0], value: 0, source: "XFSMinAllocationGroupSize" },
  { since: [1, 14], value: 64 * GiB, source: "XFSMinAllocationGroupSize" },
];
const XFS_CONFIG: readonly Step<XfsConfig>[] = [
  { since: [0, 0], value: "lts_6.1", source: "XFSMkfsConfig" },
  { since: [1, 8], value: "lts_6.6", source: "XFSMkfsConfig" },
  { since: [1, 10], value: "lts_6.12", source: "XFSMkfsConfig" },
  { since: [1, 13], value: "lts_6.18", source: "XFSMkfsConfig" },
];

/** All tables of values. */
export const QUIRK_STEPS: readonly (readonly Step<string | number>[])[] = [
  MODULES,
  FIRMWARE,
  BOOT,
  XFS_MIN_ALLOCATION_GROUP,
  XFS_CONFIG,
];

/** Sizes in bytes. */
export interface PartitionSizes {
  /** ESP of the GRUB layout. */
  readonly grubEFI: number;
  readonly bios: number;
  readonly boot: number;
  /** ESP of the layouts that hold a UKI. */
  readonly ukiEFI: number;
  readonly meta: number;
  readonly state: number;
  readonly ephemeralMin: number;
}

export type Quirks = Readonly<Record<keyof typeof QUIRK_FLAGS, boolean>> & {
  readonly kernelModulesPath: (typeof MODULES)[number]["value"];
  readonly firmwarePath: (typeof FIRMWARE)[number]["value"];
  readonly partitionSizes: PartitionSizes;
  readonly xfsMinAllocationGroupSize: number;
  readonly xfsConfig: XfsConfig;
};

function holds(flag: Flag, version: TalosVersion | undefined): boolean {
  if (version === undefined) return flag.unset;
  return "since" in flag ? isAtLeast(version, ...flag.since) : !isAtLeast(version, ...flag.before);
}

function valueAt<T>(steps: readonly Step<T>[], version: TalosVersion | undefined): T {
  return steps.findLast(({ since }) => version === undefined || isAtLeast(version, ...since))!.value;
}

/** Sizes every partition layout is made of, in bytes (imager.md 3.3). */
export function partitionSizes(version: TalosVersion | undefined): PartitionSizes {
  const grubEFI = 100 * MiB;
  const bios = MiB;
  const boot = valueAt(BOOT, version);
  return {
    grubEFI,
    bios,
    boot,
    ukiEFI: grubEFI + bios + boot,
    meta: MiB,
    state: 100 * MiB,
    ephemeralMin: 2 * GiB,
  };
}

/** All quirks of a version at once. */
export function quirks(version: TalosVersion | undefined): Quirks {
  const flags = Object.entries<Flag>(QUIRK_FLAGS).map(([name, flag]) => [name, holds(flag, version)]);
  return {
    ...(Object.fromEntries(flags) as Record<keyof typeof QUIRK_FLAGS, boolean>),
    kernelModulesPath: valueAt(MODULES, version),
    firmwarePath: valueAt(FIRMWARE, version),
    partitionSizes: partitionSizes(version),
    xfsMinAllocationGroupSize: valueAt(XFS_MIN_ALLOCATION_GROUP, version),
    xfsConfig: valueAt(XFS_CONFIG, version),
  };
}
