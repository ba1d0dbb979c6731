import { FactoryError } from "../errors.ts";
import { blob, type Recipe } from "../extents/index.ts";
import {
  type DiskGrub,
  type DiskPlan,
  firstPartitionByte,
  type SectorSize,
  type TalosDisk,
  talosDisk,
} from "../recipes/disk.ts";
import { nestedTree } from "../recipes/trees.ts";
import { efiSuffix } from "../talos/arch.ts";
import { type Bootloader, partitionPlan } from "../talos/bootloader.ts";
import { diskGrubConfig } from "../talos/grubtext.ts";
import { META_TAGS, type MetaValue } from "../talos/meta.ts";
import type { ImageOptions } from "../talos/profile.ts";
import type { BootFiles, BuildDeps } from "./deps.ts";
import { ImagerError } from "./errors.ts";
import { grubOf } from "./grub.ts";
import { imageCache } from "./imagecache.ts";
import type { Target } from "./inputs.ts";
import { type OverlayFiles, overlayFiles, overlayOptions } from "./overlay.ts";

const SECTOR_SIZES: ReadonlyMap<bigint, SectorSize> = new Map([
  [0n, 512],
  [512n, 512],
  [4096n, 4096],
]);
/** Codes of the formats a disk is made of. */
const TOO_SMALL = new Set(["no_space", "content_too_large", "disk_size", "volume_size"]);
/** What a file system says of names it has no place for. */
const BAD_NAMES = new Set(["name_invalid", "name_duplicate", "too_deep"]);

/** Bytes of a disk's sectors, 512 when nothing is said. Throws `sector_size_invalid` for sectors no disk has. */
export function sectorSizeOf({ diskSectorSize }: ImageOptions): SectorSize {
  const size = SECTOR_SIZES.get(diskSectorSize);
  if (size) return size;
  throw new ImagerError("sector_size_invalid", `diskImage.sectorSize: ${diskSectorSize} is neither 512 nor 4096`);
}

/**
 * A raw disk image with the boot loader of its profile (outputs.md 2). Throws `bootloader_invalid`, `disk_size_invalid`,
 * `disk_too_small`, `sector_size_invalid`, `unsupported_version`, `grub_missing`, `overlay_failed` and what the META writer throws.
 */
export async function buildDisk(
  deps: BuildDeps,
  target: Target,
  files: BootFiles,
  signal: AbortSignal,
): Promise<Recipe> {
  const { profile, arch, version } = target;
  const options = profile.output.imageOptions!;
  const { diskSize } = options;
  const bootloader = options.bootloader as Bootloader;
  const sectorSize = sectorSizeOf(options);
  const cache = await imageCache(deps, target, signal);
  if (cache.partitionBytes > 0 && !target.quirks.skipDataPartitions) {
    // On a disk of any size EPHEMERAL takes what is left, and IMAGECACHE comes behind it (outputs.md 2.12).
    throw new ImagerError("unsupported_version", `Talos ${profile.version} has no room for an image cache: 1.8 has`);
  }
  const partitions = partitionPlan(bootloader, version, arch, cache.partitionBytes);
  const size = Number(diskSize) + cache.partitionBytes;
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new ImagerError("disk_size_invalid", `imageOptions.diskSize: ${diskSize} is no size of a disk`);
  }
  const entryArrayOffsetLba = (await overlayOptions(deps, target, signal))?.offset ?? 0;
  const bare = { diskSize: size, sectorSize, partitions, entryArrayOffsetLba };
  const uefi = bootloader === "grub" ? undefined : await files.uefi();
  const programs = bootloader === "sd-boot" ? undefined : await grub(deps, target, bootloader, files, signal);
  const { cmdline } = files;
  const overlay =
    bootloader === "sd-boot" ? undefined : await overlayOn(deps, target, { plan: bare, bootloader, cmdline }, signal);
  const plan: TalosDisk = {
    ...bare,
    arch,
    uefi,
    grub: programs,
    overlay,
    before: overlay?.before ?? [],
    meta: metaOf(target, bootloader).map(({ key, value }) => ({ tag: key, value })),
    imageCache: nestedTree(cache.entries),
    mtime: deps.mtime,
  };
  return fitting(plan, () => talosDisk(plan));
}

/** What does not fit is the order's fault, whichever format has run out of room. */
function fitting<T>({ diskSize, overlay }: Pick<TalosDisk, "diskSize" | "overlay">, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof FactoryError)) throw cause;
    // All other names are our own.
    if (overlay && BAD_NAMES.has(cause.code))
      throw new ImagerError("overlay_failed", `overlay: ${cause.message}`, { cause });
    if (!TOO_SMALL.has(cause.code)) throw cause;
    throw new ImagerError("disk_too_small", `disk of ${diskSize} bytes: ${cause.message}`, { cause });
  }
}

/** What the overlay of a profile adds, in the room its own offset leaves before the partitions. */
async function overlayOn(
  deps: BuildDeps,
  target: Target,
  { plan, bootloader, cmdline }: { plan: DiskPlan; bootloader: "grub" | "dual-boot"; cmdline: string },
  signal: AbortSignal,
): Promise<OverlayFiles | undefined> {
  const { profile, arch } = target;
  if (!profile.overlay) return undefined;
  const efi = bootloader === "grub" ? await grubOf(deps.grub, "an overlay").efi(arch, "disk", signal) : undefined;
  const disk = {
    diskSize: plan.diskSize,
    diskRegion: fitting(plan, () => firstPartitionByte(plan)),
    config: (line: string) => diskGrubConfig(bootloader, profile.version, line),
    cmdline,
    efi: efi && { path: `EFI/boot/BOOT${efiSuffix(arch)}.efi`, mode: 0o644, content: efi },
  };
  return await overlayFiles(deps, profile.overlay, disk, signal);
}

/** A node drops the boot loader it does not use when it finds the tag (outputs.md 2.11). */
function metaOf({ profile, arch, quirks }: Target, bootloader: Bootloader): readonly MetaValue[] {
  const { metaContents } = profile.customization;
  if (bootloader !== "dual-boot" || arch !== "amd64" || !quirks.useSDBootForUEFI) return metaContents;
  return [...metaContents, { key: META_TAGS.diskImageBootloader, value: bootloader }];
}

async function grub(
  deps: BuildDeps,
  { profile, arch, quirks }: Target,
  bootloader: "grub" | "dual-boot",
  { kernel, initramfs, cmdline }: BootFiles,
  signal: AbortSignal,
): Promise<DiskGrub> {
  const images = grubOf(deps.grub, "a disk image with GRUB");
  const core = arch === "amd64" ? await images.core(signal) : undefined;
  const efi = bootloader === "grub" ? await images.efi(arch, "disk", signal) : undefined;
  return {
    kernel,
    initramfs,
    config: diskGrubConfig(bootloader, profile.version, cmdline),
    bios: core && {
      bootSector: await images.bootSector("boot.img"),
      core: await deps.blobs.read(core.digest, 0, core.size),
    },
    efi: efi && blob(efi.digest, efi.size),
    xfs: quirks.xfsConfig,
  };
}
