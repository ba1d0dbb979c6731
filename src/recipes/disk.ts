import { labelGuid } from "../bytes/guid.ts";
import { inline, type Recipe } from "../extents/index.ts";
import { type Ext4Entry, ext4Volume } from "../formats/ext4/index.ts";
import { fat32Volume } from "../formats/fat/index.ts";
import { type GptDisk, gptDisk, type PlacedPartition } from "../formats/gpt/index.ts";
import { embeddedCore, mbrBootCode } from "../formats/grub/index.ts";
import { type MetaValue, metaPartition } from "../formats/meta/index.ts";
import { type XfsFeatureSet, xfsVolume } from "../formats/xfs/index.ts";
import type { Arch } from "../talos/arch.ts";
import type { PartitionPlan } from "../talos/bootloader.ts";
import {
  bootPartition,
  diskEsp,
  foldedName,
  type GrubFiles,
  grubDiskEsp,
  type ModedEntry,
  mergedTree,
  type UefiFiles,
} from "./trees.ts";

/** A disk before anything is in its partitions; sizes in bytes, sectors of 512 or 4096 bytes. */
export interface DiskPlan extends Pick<GptDisk, "entryArrayOffsetLba" | "bootCode" | "before"> {
  readonly diskSize: number;
  readonly sectorSize: number;
  readonly partitions: readonly PartitionPlan[];
}

/** Label the disk GUID is derived from (outputs.md 2.5). */
const DISK_LABEL = "talos-image-disk";

/**
 * A disk with the identifiers all images share (outputs.md 2.5), and where each partition went; `contentOf` gives what
 * stands in a partition, undefined for zeros. Throws `GptError`.
 */
export function partitionedDisk(
  { diskSize, partitions, ...options }: DiskPlan,
  contentOf: (partition: PartitionPlan) => Recipe | undefined,
): { readonly image: Recipe; readonly partitions: readonly PlacedPartition[] } {
  const list = partitions.map((partition) => {
    const { label, type, attributes, sizeBytes } = partition;
    const content = contentOf(partition);
    return { name: label, type, guid: labelGuid(label), attributes, sizeBytes, ...(content ? { content } : {}) };
  });
  return gptDisk({ ...options, sizeBytes: diskSize, diskGuid: labelGuid(DISK_LABEL), partitions: list });
}

/** The byte a disk's first partition starts at. Throws `GptError`. */
export function firstPartitionByte(plan: DiskPlan): number {
  return partitionedDisk(plan, () => undefined).partitions[0]!.firstLba * plan.sectorSize;
}

/** GRUB for a disk: what its BOOT partition holds, and its programs. */
export interface DiskGrub extends GrubFiles {
  /** For machines with BIOS: `boot.img` and the core image, not yet told where they stand. */
  readonly bios?: { readonly bootSector: Uint8Array; readonly core: Uint8Array } | undefined;
  /** For machines with UEFI, where systemd-boot is not there. */
  readonly efi?: Recipe | undefined;
  /** What this GRUB and the release's kernel both read. */
  readonly xfs: XfsFeatureSet;
}

/** Sizes of sectors XFS and ext4 are made for; the partition table itself takes others too. */
export type SectorSize = 512 | 4096;

export interface TalosDisk extends DiskPlan {
  readonly sectorSize: SectorSize;
  readonly arch: Arch;
  readonly uefi: UefiFiles | undefined;
  readonly grub: DiskGrub | undefined;
  /** Nothing is written to META when there are none (outputs.md 2.11). */
  readonly meta: readonly MetaValue[];
  /** What an overlay adds to the ESP, and to the BOOT partition of disks with GRUB. */
  readonly overlay?: { readonly esp: readonly ModedEntry[]; readonly boot: readonly ModedEntry[] } | undefined;
  /** Root of the image cache; its partition is in the plan when there is one. */
  readonly imageCache: readonly Ext4Entry[];
  /** Seconds since 1970. */
  readonly mtime: number;
}

/**
 * A raw disk that boots through systemd-boot, GRUB or both (outputs.md 2.6 to 2.12). Throws the errors of its formats, among
 * them `no_space`.
 */
export function talosDisk(disk: TalosDisk): Recipe {
  const { diskSize, sectorSize, partitions, entryArrayOffsetLba = 0, before = [] } = disk;
  const plan = { diskSize, sectorSize, partitions, entryArrayOffsetLba, before };
  const { bios } = disk.grub ?? {};
  if (!bios) return partitionedDisk(plan, (partition) => contentOf(partition, disk)).image;
  const { firstLba } = partitionedDisk(plan, () => undefined).partitions.find(({ name }) => name === "BIOS")!;
  const bootCode = mbrBootCode(bios.bootSector, firstLba);
  return partitionedDisk({ ...plan, bootCode }, (partition) =>
    partition.label === "BIOS"
      ? inline(embeddedCore(bios.core, firstLba, partition.sizeBytes))
      : contentOf(partition, disk),
  ).image;
}

function contentOf({ label, sizeBytes }: PartitionPlan, disk: TalosDisk): Recipe | undefined {
  const { arch, uefi, grub, overlay, meta, mtime, sectorSize } = disk;
  const volume = { sizeBytes, sectorSize, label, mtime };
  const named = { ...volume, uuid: labelGuid(label) };
  const esp = uefi ? diskEsp(uefi) : grub?.efi && grubDiskEsp(arch, grub.efi);
  if (label === "EFI" && esp) return fat32Volume({ ...volume, tree: mergedTree(esp, overlay?.esp ?? [], foldedName) });
  if (label === "BOOT" && grub) {
    const tree = mergedTree(bootPartition(grub), overlay?.boot ?? []);
    return xfsVolume({ ...named, features: grub.xfs, rootMode: 0o755, tree });
  }
  if (label === "META" && meta.length > 0) return metaPartition(meta);
  return label === "IMAGECACHE" ? ext4Volume({ ...named, tree: disk.imageCache }) : undefined;
}
