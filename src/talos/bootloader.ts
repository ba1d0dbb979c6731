/** Which boot loader an image gets, how large its disk is and how it is cut (outputs.md 2.2, 2.3, 2.6, 3.1). */
import { alignUp, MiB } from "../bytes/align.ts";
import { type Guid, parseGuid } from "../bytes/guid.ts";
import type { Arch } from "./arch.ts";
import { TalosError } from "./errors.ts";
import { partitionSizes, quirks } from "./quirks.ts";
import type { TalosVersion } from "./version.ts";

/** `none` stands for "not chosen". */
export type BootloaderKind = "none" | "dual-boot" | "sd-boot" | "grub";
export type Bootloader = Exclude<BootloaderKind, "none">;

export const BOOTLOADERS: readonly BootloaderKind[] = ["none", "dual-boot", "sd-boot", "grub"];

export interface BootTarget {
  readonly arch: Arch;
  /** Undefined for a version string that does not parse. */
  readonly version: TalosVersion | undefined;
  readonly secureboot: boolean;
}

/** The boot loader of an image or ISO: SecureBoot decides, then the choice made, then architecture and version. */
export function bootloaderFor(chosen: BootloaderKind, { arch, version, secureboot }: BootTarget): Bootloader {
  if (secureboot) return "sd-boot";
  if (chosen !== "none") return chosen;
  if (!quirks(version).useSDBootForUEFI) return "grub";
  return arch === "arm64" ? "sd-boot" : "dual-boot";
}

/** Size of a disk image in bytes, from the size its profile or user names: room for what newer layouts added. */
export function diskSizeFor(baseSize: number, bootloader: Bootloader, version: TalosVersion | undefined): number {
  const { boot } = partitionSizes(version);
  return baseSize + boot - 1000 * MiB + (bootloader === "dual-boot" ? MiB + boot : 0);
}

export type IsoVariant = "grub" | "hybrid" | "uefi";

/** How an ISO boots. From 1.12 on the boot loader decides, before that the version. */
export function isoVariant(chosen: BootloaderKind, target: BootTarget): IsoVariant {
  if (target.secureboot) return "uefi";
  const q = quirks(target.version);
  if (!q.isoSupportsSettingBootloader) return q.useSDBootForUEFI ? "hybrid" : "grub";
  return ({ "dual-boot": "hybrid", "sd-boot": "uefi", grub: "grub" } as const)[bootloaderFor(chosen, target)];
}

/** UEFI 2.10 table 5.7, GRUB manual "BIOS installation", Discoverable Partitions Specification. */
const ESP = parseGuid("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
const BIOS_BOOT = parseGuid("21686148-6449-6e6f-744e-656564454649");
const LINUX_DATA = parseGuid("0fc63daf-8483-4772-8e79-3d69d8477de4");
/** Bit 2: legacy BIOS bootable (UEFI 2.10 table 5.8). */
const LEGACY_BOOT = 4n;

export type PartitionLabel = "EFI" | "BIOS" | "BOOT" | "META" | "STATE" | "EPHEMERAL" | "IMAGECACHE";

/** One partition of a disk image; the label also decides its GUID and file system UUID (outputs.md 2.5). */
export interface PartitionPlan {
  readonly label: PartitionLabel;
  readonly type: Guid;
  /** Bytes; 0 means all that is left. */
  readonly sizeBytes: number;
  readonly attributes: bigint;
  /** `none`: left as zeros. */
  readonly filesystem: "fat32" | "xfs" | "ext4" | "none";
}

/** Size of the partition for an image cache whose files have `fileBytes` bytes together (outputs.md 2.12). */
export function imageCacheBytes(fileBytes: number): number {
  return alignUp(fileBytes + Math.floor(fileBytes / 5), MiB);
}

function partition(label: PartitionLabel, sizeBytes: number, options: Partial<PartitionPlan> = {}): PartitionPlan {
  return { label, type: LINUX_DATA, sizeBytes, attributes: 0n, filesystem: "none", ...options };
}

/**
 * The partitions of a disk image in order. `imageCacheBytes` is the size of the image cache partition, 0 for none.
 * Throws `bootloader_invalid` for dual-boot on arm64.
 */
export function partitionPlan(
  bootloader: Bootloader,
  version: TalosVersion | undefined,
  arch: Arch,
  imageCacheBytes = 0,
): readonly PartitionPlan[] {
  if (bootloader === "dual-boot" && arch === "arm64") {
    throw new TalosError(
      "bootloader_invalid",
      "dual-boot bootloader is not supported on arm64 architecture, either GRUB or sd-boot must be used",
    );
  }
  const sizes = partitionSizes(version);
  const efiSize = bootloader === "grub" ? sizes.grubEFI : sizes.ukiEFI;
  const withGrub = [
    partition("BIOS", sizes.bios, { type: BIOS_BOOT, attributes: LEGACY_BOOT }),
    partition("BOOT", sizes.boot, { filesystem: "xfs" }),
  ];
  const data = [partition("STATE", sizes.state), partition("EPHEMERAL", 0)];
  return [
    partition("EFI", efiSize, { type: ESP, filesystem: "fat32" }),
    ...(bootloader === "sd-boot" ? [] : withGrub),
    partition("META", sizes.meta),
    ...(quirks(version).skipDataPartitions ? [] : data),
    ...(imageCacheBytes === 0 ? [] : [partition("IMAGECACHE", imageCacheBytes, { filesystem: "ext4" })]),
  ];
}
