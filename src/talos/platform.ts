/**
 * The platforms Talos knows: their kernel arguments (imager.md 4.3) and, where the reference has a built-in profile,
 * the disk image it makes (imager.md 1.7). Names are case-sensitive.
 */
import { MiB } from "../bytes/align.ts";
import type { Arch } from "./arch.ts";
import { TalosError } from "./errors.ts";
import type { Quirks } from "./quirks.ts";

export type DiskFormat = "raw" | "qcow2" | "vhd" | "ova";
export type Compression = "gz" | "xz" | "zst" | "tar.gz";

/** The disk image of a platform before any size rule of `bootloader.ts`. */
export interface PlatformImage {
  /** Bytes. */
  readonly diskSize: number;
  readonly format: DiskFormat;
  /** Options for the image format in qemu-img's spelling, empty when there are none. */
  readonly formatOptions: string;
  /** Undefined: the image is offered uncompressed. */
  readonly compression: Compression | undefined;
}

export interface Platform {
  /** Canonical name, the value of `talos.platform`. */
  readonly name: string;
  /** Kernel arguments in order. */
  readonly args: (arch: Arch, quirks: Quirks) => readonly string[];
  readonly image: PlatformImage | undefined;
}

const NO_IFNAMES = "net.ifnames=0";
const NO_DASHBOARD = "talos.dashboard.disabled=1";
const NO_KEXEC = "sysctl.kernel.kexec_load_disabled=1";
/** Cloud instances on NVMe-backed volumes need the longest timeout, or a slow volume looks dead. */
export const NVME_TIMEOUT = "nvme_core.io_timeout=4294967295";
const TTY1_TTYS0 = ["console=tty1", "console=ttyS0", NO_IFNAMES];
const THREE_CONSOLES = ["console=ttyS0", "console=tty0", "console=tty1", NO_IFNAMES];

const MIN = 1246 * MiB;
const DEF = 8192 * MiB;
const QCOW2_OPTIONS = "cluster_size=8k";

function image(
  diskSize: number,
  compression: Compression | undefined = "zst",
  format: DiskFormat = "raw",
  formatOptions = "",
): PlatformImage {
  return { diskSize, format, formatOptions, compression };
}

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

const TABLE: readonly (readonly [string, Platform["args"], PlatformImage | undefined])[] = [
  ["akamai", always(...THREE_CONSOLES), image(MIN, "gz")],
  ["alibabacloud", always(...TTY1_TTYS0), image(MIN, undefined, "qcow2", QCOW2_OPTIONS)],
  ["aws", (_, q) => [...TTY1_TTYS0, ...(q.nvmeTimeoutOnAWSOnly ? [NVME_TIMEOUT] : [])], image(DEF)],
  ["azure", always(...AZURE_ARGS), image(DEF, "zst", "vhd", "subformat=fixed,force_size")],
  ["cloudstack", always(...TTY1_TTYS0), image(DEF)],
  ["container", always(), undefined],
  ["digital-ocean", always(...THREE_CONSOLES), image(DEF, "gz")],
  ["equinixMetal", (arch) => [`console=${arch === "arm64" ? "ttyAMA0,115200" : "ttyS1,115200n8"}`], undefined],
  ["exoscale", always(...TTY1_TTYS0), image(10240 * MiB, "zst", "qcow2", QCOW2_OPTIONS)],
  ["gcp", always("console=ttyS0", NO_IFNAMES, NO_DASHBOARD, NO_KEXEC), image(DEF, "tar.gz")],
  ["hcloud", always(...TTY1_TTYS0), image(MIN)],
  ["metal", metalArgs, image(MIN)],
  ["nocloud", always(...TTY1_TTYS0), image(MIN)],
  ["opennebula", always(...TTY1_TTYS0), image(MIN)],
  ["openstack", always(...TTY1_TTYS0), image(MIN)],
  ["oracle", always(...TTY1_TTYS0, NO_DASHBOARD), image(DEF, "zst", "qcow2", QCOW2_OPTIONS)],
  ["scaleway", always(...TTY1_TTYS0, NO_DASHBOARD), image(MIN)],
  ["upcloud", always(NO_IFNAMES), image(DEF)],
  ["vmware", vmwareArgs, image(DEF, undefined, "ova")],
  ["vultr", always(NO_IFNAMES), image(DEF)],
];

const BY_NAME = new Map<string, Platform>(TABLE.map(([name, args, image]) => [name, { name, args, image }]));
BY_NAME.set("packet", BY_NAME.get("equinixMetal")!);

/** Canonical names of all platforms, in table order. */
export const PLATFORMS: readonly string[] = TABLE.map(([name]) => name);

/** The platform of that name or alias. Throws `platform_unknown`. */
export function platformOf(name: string): Platform {
  const platform = BY_NAME.get(name);
  if (!platform) throw new TalosError("platform_unknown", `unknown platform: ${JSON.stringify(name.slice(0, 60))}`);
  return platform;
}

/**
 * The disk image a factory path asks for: the format's own defaults, overridden by the size and the (non-empty) options of
 * the platform's built-in profile whatever format was asked for (factory.md 3.1).
 */
export function imageDefaults(platform: string, format: DiskFormat): Pick<PlatformImage, "diskSize" | "formatOptions"> {
  const builtIn = BY_NAME.get(platform)?.name === platform ? BY_NAME.get(platform)?.image : undefined;
  return {
    diskSize: builtIn?.diskSize ?? DEF,
    formatOptions: builtIn?.formatOptions || (format === "qcow2" ? QCOW2_OPTIONS : ""),
  };
}
