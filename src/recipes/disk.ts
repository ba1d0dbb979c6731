import { labelGuid } from "../bytes/guid.ts";
import type { Recipe } from "../extents/index.ts";
import { fat32Volume } from "../formats/fat/index.ts";
import { gptDisk } from "../formats/gpt/index.ts";
import { type MetaValue, metaPartition } from "../formats/meta/index.ts";
import type { Arch } from "../talos/arch.ts";
import { efiSuffix } from "../talos/arch.ts";
import type { PartitionPlan } from "../talos/bootloader.ts";
import { directory, file } from "./boot.ts";

export interface SdBootDisk {
  readonly arch: Arch;
  /** Bytes. */
  readonly diskSize: number;
  /** Bytes: 512 or 4096. */
  readonly sectorSize: number;
  readonly partitions: readonly PartitionPlan[];
  readonly ukiName: string;
  readonly uki: Recipe;
  readonly systemdBoot: Recipe;
  readonly loaderConf: string;
  /** Nothing is written to META when there are none (outputs.md 2.11). */
  readonly meta: readonly MetaValue[];
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** Label the disk GUID is derived from (outputs.md 2.5). */
const DISK_LABEL = "talos-image-disk";

/** A raw disk that boots through systemd-boot (outputs.md 2.6, 2.7). */
export function sdBootDisk(plan: SdBootDisk): Recipe {
  const { sectorSize } = plan;
  const contentOf = ({ label, sizeBytes }: PartitionPlan): Recipe | undefined => {
    if (label === "EFI") return esp(plan, sizeBytes);
    if (label === "META" && plan.meta.length > 0) return metaPartition(plan.meta);
    return undefined;
  };
  const partitions = plan.partitions.map((partition) => {
    const content = contentOf(partition);
    const { label, type, attributes, sizeBytes } = partition;
    return { name: label, type, guid: labelGuid(label), attributes, sizeBytes, ...(content ? { content } : {}) };
  });
  return gptDisk({ sizeBytes: plan.diskSize, sectorSize, diskGuid: labelGuid(DISK_LABEL), partitions }).image;
}

function esp(plan: SdBootDisk, sizeBytes: number): Recipe {
  const { arch, sectorSize, ukiName, uki, systemdBoot, loaderConf, mtime } = plan;
  return fat32Volume({
    sizeBytes,
    sectorSize,
    label: "EFI",
    mtime,
    tree: [
      directory(
        "EFI",
        directory("Linux", file(ukiName, uki)),
        // Lower case matters: running nodes look for these very names (outputs.md 8, item 8).
        directory("boot", file(`BOOT${efiSuffix(arch)}.efi`, systemdBoot)),
      ),
      directory("loader", file("loader.conf", loaderConf)),
    ],
  });
}
