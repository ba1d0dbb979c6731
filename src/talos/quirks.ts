/**
 * What changed between Talos releases, as predicates over a version (imager.md 3.2, 3.3). Prereleases count as their release.
 * A version that is unset (undefined) counts as the newest, except where `BEFORE` and `useSDBootForUEFI` say otherwise.
 */
import { GiB, MiB } from "../bytes/align.ts";
import { isAtLeast, type TalosVersion } from "./version.ts";

type Release = readonly [major: number, minor: number, patch?: number];

/** True from this release on; true for an unset version. */
const SINCE = {
  supportsResetGrubOption: [1, 4],
  supportsUKI: [1, 5],
  supportsMultidoc: [1, 5],
  supportsCompressedEncodedMeta: [1, 6, 3],
  supportsOverlay: [1, 7],
  useZstdCompression: [1, 8],
  supportsISOLabel: [1, 8],
  supportsHaltIfInstalled: [1, 8],
  skipDataPartitions: [1, 8],
  supportsSELinux: [1, 10],
  supportsUKIProfiles: [1, 10],
  supportsUnifiedInstaller: [1, 10],
  supportsTalosctlDownload: [1, 11],
  supportsEmbeddedConfig: [1, 12],
  enforcesModuleSignatures: [1, 12],
  isoSupportsSettingBootloader: [1, 12],
  procMemOverrideNever: [1, 13],
  dropInitOnAlloc: [1, 14],
  nvmeTimeoutOnAWSOnly: [1, 14],
} as const satisfies Record<string, Release>;

/** True before this release; false for an unset version. */
const BEFORE = {
  metalConsoleTTYS0: [1, 8],
  /** The rule is "up to 1.10.99", so 1.10.100 would count as later. */
  supportsIMA: [1, 10, 100],
  forcesLockdownConfidentiality: [1, 14],
} as const satisfies Record<string, Release>;

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

export type Quirks = Readonly<Record<keyof typeof SINCE | keyof typeof BEFORE, boolean>> & {
  /** UEFI machines boot through systemd-boot. The one "since" that is false for an unset version. */
  readonly useSDBootForUEFI: boolean;
  /** Where extensions carry modules and firmware, below their rootfs. */
  readonly kernelModulesPath: "/lib/modules" | "/usr/lib/modules";
  readonly firmwarePath: "/lib/firmware" | "/usr/lib/firmware";
  readonly partitionSizes: PartitionSizes;
  /** Bytes; 0 means no minimum. Only the node itself uses it. */
  readonly xfsMinAllocationGroupSize: number;
  readonly xfsConfig: XfsConfig;
};

/** The mkfs.xfs option files by kernel series; each stands for one XFS feature set (outputs.md 2.9.4). */
export type XfsConfig = "lts_6.1" | "lts_6.6" | "lts_6.12" | "lts_6.18";

function since(version: TalosVersion | undefined, release: Release): boolean {
  return version === undefined || isAtLeast(version, ...release);
}

function flags<K extends string>(table: Readonly<Record<K, Release>>, holds: (release: Release) => boolean) {
  return Object.fromEntries(Object.entries<Release>(table).map(([name, release]) => [name, holds(release)])) as Record<
    K,
    boolean
  >;
}

function xfsConfig(version: TalosVersion | undefined): XfsConfig {
  if (since(version, [1, 13])) return "lts_6.18";
  if (since(version, [1, 10])) return "lts_6.12";
  return since(version, [1, 8]) ? "lts_6.6" : "lts_6.1";
}

/** Sizes every partition layout is made of, in bytes (imager.md 3.3). */
export function partitionSizes(version: TalosVersion | undefined): PartitionSizes {
  const grubEFI = 100 * MiB;
  const bios = MiB;
  const boot = (since(version, [1, 11]) ? 2000 : 1000) * MiB;
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
  const usrMerged = since(version, [1, 10]);
  return {
    ...flags(SINCE, (release) => since(version, release)),
    ...flags(BEFORE, (release) => !since(version, release)),
    useSDBootForUEFI: version !== undefined && isAtLeast(version, 1, 10),
    kernelModulesPath: usrMerged ? "/usr/lib/modules" : "/lib/modules",
    firmwarePath: usrMerged ? "/usr/lib/firmware" : "/lib/firmware",
    partitionSizes: partitionSizes(version),
    xfsMinAllocationGroupSize: since(version, [1, 14]) ? 64 * GiB : 0,
    xfsConfig: xfsConfig(version),
  };
}
