/** The built-in profiles (imager.md 1.7). They set no architecture, version, boot loader or overlay. */
import { MiB } from "../bytes/align.ts";
import type { ImageOptions, Profile, ProfileOutput } from "./profile.ts";
import { EMPTY_PROFILE, IMAGE_OPTIONS, ISO_OPTIONS } from "./profile-model.ts";

export interface BaseProfile {
  readonly name: string;
  readonly profile: Profile;
  /** The section of the specification the row is taken from. */
  readonly source: string;
}

/** Disk sizes in bytes before any rule adds to them (outputs.md 2.3). */
const MIN = BigInt(1246 * MiB);
export const DEFAULT_DISK_SIZE = BigInt(8192 * MiB);
const DEF = DEFAULT_DISK_SIZE;

/** Formats with their options in qemu-img's spelling. */
export const QCOW2 = { diskFormat: "qcow2", diskFormatOptions: "cluster_size=8k" } as const;
const VHD = { diskFormat: "vhd", diskFormatOptions: "subformat=fixed,force_size" } as const;
const OVA = { diskFormat: "ova" } as const;

function plain(kind: ProfileOutput["kind"]): ProfileOutput {
  return { ...EMPTY_PROFILE.output, kind, outFormat: "raw" };
}

function disk(
  diskSize: bigint,
  outFormat: ProfileOutput["outFormat"] = ".zst",
  options: Partial<ImageOptions> = {},
): ProfileOutput {
  return {
    ...plain("image"),
    outFormat,
    imageOptions: { ...IMAGE_OPTIONS.zero, diskSize, diskFormat: "raw", ...options },
  };
}

const TABLE: readonly (readonly [name: string, platform: string, secureboot: boolean, output: ProfileOutput])[] = [
  ["iso", "metal", false, plain("iso")],
  ["secureboot-iso", "metal", true, { ...plain("iso"), isoOptions: ISO_OPTIONS.zero }],
  ["metal", "metal", false, disk(MIN)],
  ["metal-4k", "metal", false, disk(MIN, ".zst", { diskSectorSize: 4096n })],
  ["metal-uki", "metal", false, plain("uki")],
  ["secureboot-metal-uki", "metal", true, plain("uki")],
  ["secureboot-metal", "metal", true, disk(MIN)],
  ["installer", "metal", false, plain("installer")],
  ["secureboot-installer", "metal", true, plain("installer")],
  ["akamai", "akamai", false, disk(MIN, ".gz")],
  ["alibabacloud", "alibabacloud", false, disk(MIN, "raw", QCOW2)],
  ["aws", "aws", false, disk(DEF)],
  ["azure", "azure", false, disk(DEF, ".zst", VHD)],
  ["secureboot-azure", "azure", true, disk(DEF, ".zst", VHD)],
  ["cloudstack", "cloudstack", false, disk(DEF)],
  ["secureboot-cloudstack", "cloudstack", true, disk(DEF)],
  ["digital-ocean", "digital-ocean", false, disk(DEF, ".gz")],
  ["exoscale", "exoscale", false, disk(BigInt(10240 * MiB), ".zst", QCOW2)],
  ["gcp", "gcp", false, disk(DEF, ".tar.gz")],
  ["hcloud", "hcloud", false, disk(MIN)],
  ["nocloud", "nocloud", false, disk(MIN)],
  ["secureboot-nocloud", "nocloud", true, disk(MIN)],
  ["opennebula", "opennebula", false, disk(MIN)],
  ["secureboot-opennebula", "opennebula", true, disk(MIN)],
  ["openstack", "openstack", false, disk(MIN)],
  ["secureboot-openstack", "openstack", true, disk(MIN)],
  ["oracle", "oracle", false, disk(DEF, ".zst", QCOW2)],
  ["scaleway", "scaleway", false, disk(MIN)],
  ["upcloud", "upcloud", false, disk(DEF)],
  ["vmware", "vmware", false, disk(DEF, "raw", OVA)],
  ["secureboot-vmware", "vmware", true, disk(DEF, "raw", OVA)],
  ["vultr", "vultr", false, disk(DEF)],
];

export const BASE_PROFILES: readonly BaseProfile[] = TABLE.map(([name, platform, secureboot, output]) => ({
  name,
  profile: { ...EMPTY_PROFILE, platform, secureboot, output },
  source: "imager.md 1.7",
}));

const BY_NAME = new Map(BASE_PROFILES.map(({ name, profile }) => [name, profile]));

/** The built-in profile of that name; names are case-sensitive. */
export function baseProfile(name: string): Profile | undefined {
  return BY_NAME.get(name);
}
