import { type Quirks, quirks as quirksOf } from "../../../src/talos/quirks.ts";
import { parseTolerant } from "../../../src/talos/version.ts";
import { family, type Recorded } from "../family.ts";

interface QuirksCase extends Recorded {
  readonly version: string;
  readonly quirks: Readonly<Record<string, unknown>>;
}

/** Quirks by the reference's names. */
const FLAGS: Readonly<Record<string, keyof Quirks>> = {
  DropInitOnAllocInArgs: "dropInitOnAlloc",
  FirmwarePath: "firmwarePath",
  ForcesLockdownConfidentiality: "forcesLockdownConfidentiality",
  ISOSupportsSettingBootloader: "isoSupportsSettingBootloader",
  KernelModulesPath: "kernelModulesPath",
  NvmeCoreIoTimeoutAWSOnly: "nvmeTimeoutOnAWSOnly",
  ProcMemOverrideNever: "procMemOverrideNever",
  SkipDataPartitions: "skipDataPartitions",
  SupportsCompressedEncodedMETA: "supportsCompressedEncodedMeta",
  SupportsDisablingModuleSignatureVerification: "enforcesModuleSignatures",
  SupportsEmbeddedConfig: "supportsEmbeddedConfig",
  SupportsFactoryTalosctlDownload: "supportsTalosctlDownload",
  SupportsHaltIfInstalled: "supportsHaltIfInstalled",
  SupportsIMA: "supportsIMA",
  SupportsISOLabel: "supportsISOLabel",
  SupportsMetalPlatformConsoleTTYS0: "metalConsoleTTYS0",
  SupportsMultidoc: "supportsMultidoc",
  SupportsOverlay: "supportsOverlay",
  SupportsResetGRUBOption: "supportsResetGrubOption",
  SupportsSELinux: "supportsSELinux",
  SupportsUKI: "supportsUKI",
  SupportsUKIProfiles: "supportsUKIProfiles",
  SupportsUnifiedInstaller: "supportsUnifiedInstaller",
  UseSDBootForUEFI: "useSDBootForUEFI",
  UseZSTDCompression: "useZstdCompression",
  XFSMinAllocationGroupSize: "xfsMinAllocationGroupSize",
};

export const quirks = family<QuirksCase>("quirks", (item) => {
  const version = parseTolerant(item.version);
  const q = quirksOf(version);
  const { grubEFI, bios, boot, ukiEFI, meta, state, ephemeralMin } = q.partitionSizes;
  const ours: Record<string, unknown> = {
    ...Object.fromEntries(Object.entries(FLAGS).map(([name, key]) => [name, q[key]])),
    PartitionSizes: {
      EphemeralMinSize: ephemeralMin,
      GrubBIOSSize: bios,
      GrubBootSize: boot,
      GrubEFISize: grubEFI,
      METASize: meta,
      StateSize: state,
      UKIEFISize: ukiEFI,
    },
    Version: version ? `${version.major}.${version.minor}.${version.patch}` : null,
    XFSMkfsConfig: `/usr/share/xfsprogs/mkfs/${q.xfsConfig}.conf`,
  };
  return { recorded: item.quirks, ours };
});
