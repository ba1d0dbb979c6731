import { parseGuid } from "../../bytes/guid.ts";
import { inline, type Placement, place, type Recipe } from "../../extents/index.ts";
import { masterBoot, masterBootRecord } from "../mbr/index.ts";
import { BACKUP_GPT_BLOCKS } from "./arrange.ts";
import { gptTables, type TablePartition } from "./gpt.ts";
import { grubBootSector } from "./grub.ts";
import { SECTOR_BYTES, SECTORS_PER_BLOCK } from "./layout.ts";
import type { IsoImage } from "./model.ts";
import { type IsoLayout, type IsoPartition, isoLayout } from "./write.ts";

/** The disk geometry of ISOs written to USB sticks: one cylinder is 1 MiB (outputs.md 3.5). */
const GEOMETRY = { heads: 64, sectorsPerTrack: 32 } as const;
/** MBR partition types: the file system, the ESP, and all of a GPT disk (outputs.md 3.5; UEFI 2.10, 5.2.3). */
const TYPE_LINUX = 0x83;
const TYPE_ESP = 0xef;
const TYPE_PROTECTIVE = 0xee;
/** GPT partition types: basic data (Microsoft's) and the ESP (UEFI 2.10 table 5.7). */
const GUID_DATA = parseGuid("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
const GUID_ESP = parseGuid("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
/** Required, and read-only where the type has that bit (UEFI 2.10 table 5.8; outputs.md 3.5). */
const READ_ONLY = 0x1000000000000001n;

/** No boot code; the file system is partition 1, the appended ESP partition 2 (outputs.md 3.5, column UEFI). */
function plainMbr({ fileSystem, appended }: IsoLayout): readonly Placement[] {
  const partitions = [
    { type: TYPE_LINUX, ...fileSystem },
    { type: TYPE_ESP, ...appended },
  ];
  return [{ offset: 0, content: inline(masterBoot(partitions, GEOMETRY)) }];
}

/** The sectors of the file that the first EFI entry boots from. */
function espFile({ boot }: IsoLayout): IsoPartition {
  const { block, sizeBytes } = boot.find(({ entry }) => entry.platform === "efi")!;
  return { firstLba: block * SECTORS_PER_BLOCK, sectors: Math.ceil(sizeBytes / SECTOR_BYTES) };
}

/** The ESP, and what is before and after it, named as xorriso names them (outputs.md 3.5). */
function gptPartitions(layout: IsoLayout): readonly TablePartition[] {
  const isAppended = layout.appended.sectors > 0;
  const esp = isAppended ? layout.appended : espFile(layout);
  const { firstLba } = layout.fileSystem;
  const behind = esp.firstLba + esp.sectors;
  const end = layout.sizeBytes / SECTOR_BYTES - BACKUP_GPT_BLOCKS * SECTORS_PER_BLOCK;
  const data = { type: GUID_DATA, attributes: READ_ONLY };
  return [
    { ...data, name: isAppended ? "ISO9660" : "Gap0", firstLba, sectors: esp.firstLba - firstLba },
    isAppended
      ? { ...esp, name: "Appended2", type: GUID_ESP, attributes: 0n }
      : { ...esp, name: "EFI boot partition", type: GUID_ESP, attributes: READ_ONLY },
    { ...data, name: "Gap1", firstLba: behind, sectors: end - behind },
  ];
}

/** GRUB's boot sector over a GPT (outputs.md 3.5, columns hybrid and GRUB). */
function hybridTables(grubBoot: Uint8Array, volumeId: string, layout: IsoLayout): readonly Placement[] {
  const sectors = layout.sizeBytes / SECTOR_BYTES - 1;
  const sector = masterBoot([{ type: TYPE_PROTECTIVE, firstLba: 1, sectors }], GEOMETRY);
  const code = grubBootSector(grubBoot, layout.boot[0]!.block);
  sector.set(code.subarray(0, masterBootRecord.offsets.partitions));
  return [{ offset: 0, content: inline(sector) }, ...gptTables(layout.sizeBytes, volumeId, gptPartitions(layout))];
}

/**
 * An ISO image in one of three variants (outputs.md 3.1 to 3.5): UEFI (appended ESP, plain MBR), hybrid
 * (`grubBoot`, appended ESP, GPT), GRUB (`grubBoot`, the ESP a file of the tree, GPT). Bodies stay
 * extents. Throws `IsoError`, and `MbrError` beyond 2 TiB.
 */
export function isoImage(image: IsoImage): Recipe {
  const layout = isoLayout(image);
  const { grubBoot, volumeId } = image;
  const tables = grubBoot ? hybridTables(grubBoot, volumeId, layout) : plainMbr(layout);
  return place(layout.sizeBytes, [...tables, ...layout.parts]);
}
