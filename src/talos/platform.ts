/** The platforms Talos knows and their kernel arguments (imager.md 4.3). Names are case-sensitive. */
import type { Arch } from "./arch.ts";
import { TalosError } from "./errors.ts";
import type { Quirks } from "./quirks.ts";

export type DiskFormat = "raw" | "qcow2" | "vhd" | "ova";
export type Compression = "gz" | "xz" | "zst" | "tar.gz";

export interface Platform {
  /** Canonical name, the value of `talos.platform`. */
  readonly name: string;
  /** Another name that is accepted for it. */
  readonly alias?: string;
  /** Kernel arguments in order. */
  readonly args: (arch: Arch, quirks: Quirks) => readonly string[];
  /** Where the row is from: a file of Talos, below `internal/app/machined/pkg/runtime/v1alpha1/`. */
  readonly source: string;
}

const NO_IFNAMES = "net.ifnames=0";
const NO_DASHBOARD = "talos.dashboard.disabled=1";
const NO_KEXEC = "sysctl.kernel.kexec_load_disabled=1";
/** Cloud instances on NVMe-backed volumes need the longest timeout, or a slow volume looks dead. */
export const NVME_TIMEOUT = "nvme_core.io_timeout=4294967295";
const TTY1_TTYS0 = ["console=tty1", "console=ttyS0", NO_IFNAMES];
const THREE_CONSOLES = ["console=ttyS0", "console=tty0", "console=tty1", NO_IFNAMES];

function always(...args: readonly string[]): Platform["args"] {
  return () => args;
}

function metalArgs(arch: Arch, { metalConsoleTTYS0 }: Quirks): readonly string[] {
  if (arch === "arm64") return ["console=ttyAMA0", "console=tty0"];
  return metalConsoleTTYS0 ? ["console=ttyS0", "console=tty0"] : ["console=tty0"];
}

function vmwareArgs(arch: Arch): readonly string[] {
  const config = ["talos.config=guestinfo", "console=tty0"];
  return arch === "arm64"
    ? [...config, "console=ttyAMA0", NO_IFNAMES]
    : [...config, "console=ttyS0", "earlyprintk=ttyS0,115200", NO_IFNAMES];
}

const AZURE_ARGS = [
  "console=ttyS0,115200n8",
  "earlyprintk=ttyS0,115200",
  "rootdelay=300",
  NO_IFNAMES,
  NO_DASHBOARD,
  NO_KEXEC,
];

function awsArgs(_: Arch, { nvmeTimeoutOnAWSOnly }: Quirks): readonly string[] {
  return nvmeTimeoutOnAWSOnly ? [...TTY1_TTYS0, NVME_TIMEOUT] : TTY1_TTYS0;
}

function equinixArgs(arch: Arch): readonly string[] {
  return [`console=${arch === "arm64" ? "ttyAMA0,115200" : "ttyS1,115200n8"}`];
}

/** One row per platform. */
export const PLATFORM_TABLE: readonly Platform[] = [
  { name: "akamai", args: always(...THREE_CONSOLES), source: "platform/akamai/akamai.go" },
  { name: "alibabacloud", args: always(...TTY1_TTYS0), source: "platform/alibabacloud/alibabacloud.go" },
  { name: "aws", args: awsArgs, source: "platform/aws/aws.go" },
  { name: "azure", args: always(...AZURE_ARGS), source: "platform/azure/azure.go" },
  { name: "cloudstack", args: always(...TTY1_TTYS0), source: "platform/cloudstack/cloudstack.go" },
  { name: "container", args: always(), source: "platform/container/container.go" },
  { name: "digital-ocean", args: always(...THREE_CONSOLES), source: "platform/digitalocean/digitalocean.go" },
  { name: "equinixMetal", alias: "packet", args: equinixArgs, source: "platform/equinixmetal/equinix.go" },
  { name: "exoscale", args: always(...TTY1_TTYS0), source: "platform/exoscale/exoscale.go" },
  { name: "gcp", args: always("console=ttyS0", NO_IFNAMES, NO_DASHBOARD, NO_KEXEC), source: "platform/gcp/gcp.go" },
  { name: "hcloud", args: always(...TTY1_TTYS0), source: "platform/hcloud/hcloud.go" },
  { name: "metal", args: metalArgs, source: "platform/metal/metal.go" },
  { name: "nocloud", args: always(...TTY1_TTYS0), source: "platform/nocloud/nocloud.go" },
  { name: "opennebula", args: always(...TTY1_TTYS0), source: "platform/opennebula/opennebula.go" },
  { name: "openstack", args: always(...TTY1_TTYS0), source: "platform/openstack/openstack.go" },
  { name: "oracle", args: always(...TTY1_TTYS0, NO_DASHBOARD), source: "platform/oracle/oracle.go" },
  { name: "scaleway", args: always(...TTY1_TTYS0, NO_DASHBOARD), source: "platform/scaleway/scaleway.go" },
  { name: "upcloud", args: always(NO_IFNAMES), source: "platform/upcloud/upcloud.go" },
  { name: "vmware", args: vmwareArgs, source: "platform/vmware/vmware.go" },
  { name: "vultr", args: always(NO_IFNAMES), source: "platform/vultr/vultr.go" },
];

const BY_NAME = new Map(
  PLATFORM_TABLE.flatMap((row) => [row.name, row.alias ?? row.name].map((name) => [name, row] as const)),
);

/** Canonical names of all platforms, in table order. */
export const PLATFORMS: readonly string[] = PLATFORM_TABLE.map(({ name }) => name);

/** The platform of that name or alias. Throws `platform_unknown`. */
export function platformOf(name: string): Platform {
  const platform = BY_NAME.get(name);
  if (!platform) throw new TalosError("platform_unknown", `unknown platform: ${JSON.stringify(name.slice(0, 60))}`);
  return platform;
}
