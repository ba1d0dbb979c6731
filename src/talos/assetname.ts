/** Asset file names: what a download path asks for (factory.md 3.1) and what an output is called (outputs.md 1.2). */
import { type Arch, parseArch } from "./arch.ts";
import { baseProfile, DEFAULT_DISK_SIZE, QCOW2 } from "./base-profiles.ts";
import { TalosError } from "./errors.ts";
import type { Compression, DiskFormat } from "./platform.ts";

/** What every asset is made for. Kernel, initramfs and installer without a platform in their name are those of `metal`. */
export interface AssetTarget {
  readonly platform: string;
  readonly arch: Arch;
  readonly secureboot: boolean;
}

/** A disk image as a path asks for it, before any size rule. */
export interface ImageRequest extends AssetTarget {
  readonly $case: "image";
  readonly format: DiskFormat;
  readonly compression: Compression | undefined;
  /** Bytes, the platform's base size. */
  readonly diskSize: number;
  /** In qemu-img's spelling, empty when there are none. */
  readonly formatOptions: string;
}

export type AssetRequest =
  | (AssetTarget & { readonly $case: "kernel" | "cmdline" | "initramfs" | "iso" | "uki" | "installer" })
  | ImageRequest;

const SECUREBOOT = "-secureboot";
const INSTALLER = "-installer-";
/** The one platform with a dash; every other name ends at the first one. */
const DASHED_PLATFORM = "digital-ocean";
/** In the order they are tried. */
const COMPRESSIONS: readonly Compression[] = ["tar.gz", "gz", "xz", "zst"];
const FORMATS: readonly DiskFormat[] = ["raw", "qcow2", "vhd", "ova"];

/** The middle of `text` when it has this prefix and suffix (which may not overlap), else undefined. */
function between(text: string, prefix: string, suffix: string): string | undefined {
  if (!text.startsWith(prefix) || !text.endsWith(suffix)) return undefined;
  return text.length < prefix.length + suffix.length
    ? undefined
    : text.slice(prefix.length, text.length - suffix.length);
}

function archTarget(text: string, platform: string): AssetTarget {
  const plain = between(text, "", SECUREBOOT);
  return { platform, arch: parseArch(plain ?? text), secureboot: plain !== undefined };
}

function platformTarget(text: string): AssetTarget {
  const plain = between(text, "", SECUREBOOT) ?? text;
  const dashed = plain.startsWith(`${DASHED_PLATFORM}-`);
  const split = dashed ? DASHED_PLATFORM.length : plain.indexOf("-");
  if (split < 0) throw new TalosError("path_invalid", `invalid platform-arch: ${JSON.stringify(plain)}`);
  return archTarget(text.slice(split + 1), text.slice(0, split));
}

function diskImage(path: string): ImageRequest {
  const compression = COMPRESSIONS.find((name) => path.endsWith(`.${name}`));
  const plain = compression === undefined ? path : path.slice(0, -compression.length - 1);
  const format = FORMATS.find((name) => plain.endsWith(`.${name}`));
  if (format === undefined) throw invalidPath(plain);
  const target = platformTarget(plain.slice(0, -format.length - 1));
  const { output } = baseProfile(target.platform) ?? {};
  // Names of profiles that make no disk image, such as `iso`, crash the reference when they stand for a platform.
  if (output && !output.imageOptions) throw invalidPath(plain);
  const { diskSize = DEFAULT_DISK_SIZE, diskFormatOptions = "" } = output?.imageOptions ?? {};
  // The options are those of the platform's own profile, whatever format is asked for.
  const formatOptions = diskFormatOptions || (format === QCOW2.diskFormat ? QCOW2.diskFormatOptions : "");
  return { $case: "image", ...target, format, compression, diskSize: Number(diskSize), formatOptions };
}

function invalidPath(path: string): TalosError {
  return new TalosError("path_invalid", `invalid profile path: ${JSON.stringify(path)}`);
}

/**
 * What a path like `metal-amd64-secureboot.raw.xz` asks for. Forms are tried in the order of factory.md 3.1 and the first
 * that fits commits. Any platform name passes. Throws `path_invalid`, `arch_invalid`.
 */
export function parseAssetPath(path: string): AssetRequest {
  const kernel = between(path, "kernel-", "");
  if (kernel !== undefined) return { $case: "kernel", platform: "metal", arch: parseArch(kernel), secureboot: false };
  const cmdline = between(path, "cmdline-", "");
  if (cmdline !== undefined) return { $case: "cmdline", ...platformTarget(cmdline) };
  const initramfs = between(path, "initramfs-", ".xz");
  if (initramfs !== undefined) {
    return { $case: "initramfs", platform: "metal", arch: parseArch(initramfs), secureboot: false };
  }
  const iso = between(path, "", ".iso");
  if (iso !== undefined) return { $case: "iso", ...platformTarget(iso) };
  const uki = between(path, "", "-uki.efi");
  if (uki !== undefined) return { $case: "uki", ...platformTarget(uki) };
  const metal = between(path, "installer-", ".tar");
  if (metal !== undefined) return { $case: "installer", ...archTarget(metal, "metal") };
  const installer = between(path, "", ".tar");
  // The word is taken out before the platform is read, so `digital-installer-ocean-…` reads as digital-ocean.
  if (installer?.includes(INSTALLER))
    return { $case: "installer", ...platformTarget(installer.replace(INSTALLER, "-")) };
  return diskImage(path);
}

/** What an output is called after. Platform, architecture and format may be any text. */
export interface OutputNaming {
  readonly $case: AssetRequest["$case"];
  readonly platform: string;
  readonly arch: string;
  readonly secureboot: boolean;
  /** Of a disk image. */
  readonly format?: string;
}

/** File name of an output before compression (outputs.md 1.2). */
export function outputName({ $case, platform, arch, ...rest }: OutputNaming): string {
  const secureboot = rest.secureboot ? SECUREBOOT : "";
  const base = `${platform}-${arch}${secureboot}`;
  switch ($case) {
    case "kernel":
      return `kernel-${arch}`;
    case "cmdline":
      return `cmdline-${base}`;
    case "initramfs":
      return `initramfs-${base}.xz`;
    case "iso":
      return `${base}.iso`;
    case "uki":
      return `${base}-uki.efi`;
    case "installer":
      return `installer-${arch}${secureboot}.tar`;
    case "image":
      return `${base}.${rest.format}`;
  }
}
