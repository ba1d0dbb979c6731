import { alignUp, MiB } from "../bytes/align.ts";
import { inline, type Recipe } from "../extents/index.ts";
import { espSectorsPerCluster, type FatEntry, fat32Volume } from "../formats/fat/index.ts";
import { type IsoEntry, isoImage } from "../formats/iso9660/index.ts";
import { type Arch, efiSuffix } from "../talos/arch.ts";
import { directory, file } from "./boot.ts";

export interface UefiIso {
  readonly arch: Arch;
  readonly volumeId: string;
  readonly volumeSetId: string;
  readonly ukiName: string;
  readonly uki: Recipe;
  readonly systemdBoot: Recipe;
  readonly loaderConf: string;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** The ESP has this much room beside the UKI and the boot loader (outputs.md 3.4). */
const ESP_SLACK = 10 * MiB;
const RANDOM_SEED = new Uint8Array(32);

/** The modes the reference's staging tree has, which an ISO for UEFI shows (outputs.md 3.5). */
function withModes(entries: readonly FatEntry[]): readonly IsoEntry[] {
  return entries.map((entry) =>
    entry.$case === "directory"
      ? { ...entry, mode: 0o755, children: withModes(entry.children) }
      : { ...entry, mode: entry.readOnly ? 0o444 : 0o644 },
  );
}

/** An ISO that boots by UEFI only (outputs.md 3.2, 3.4): the same tree in the file system and in the appended ESP. */
export function uefiIso(plan: UefiIso): Recipe {
  const { arch, ukiName, uki, systemdBoot, loaderConf, mtime } = plan;
  const tree: readonly FatEntry[] = [
    directory(
      "EFI",
      directory("Linux", file(ukiName, uki)),
      directory("BOOT", file(`BOOT${efiSuffix(arch)}.EFI`, systemdBoot)),
    ),
    directory(
      "loader",
      file("loader.conf", loaderConf),
      // Read-only keeps systemd-boot from trying to write a seed onto the medium (outputs.md 3.4).
      file("random-seed", inline(RANDOM_SEED), { readOnly: true }),
    ),
  ];
  const sizeBytes = ESP_SLACK + alignUp(systemdBoot.size, MiB) + alignUp(uki.size, MiB);
  const sectorsPerCluster = espSectorsPerCluster(sizeBytes);
  const esp = fat32Volume({ sizeBytes, sectorsPerCluster, label: "EFI", mtime, tree });
  return isoImage({
    volumeId: plan.volumeId,
    volumeSetId: plan.volumeSetId,
    mtime,
    rootMode: 0o755,
    tree: withModes(tree),
    elTorito: [{ platform: "efi", image: { $case: "appended" } }],
    appendedPartition: esp,
  });
}
