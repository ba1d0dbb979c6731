import { inline, type Placement, place, type Recipe } from "../../extents/index.ts";
import { bootCode, sizeFields } from "./boot.ts";
import { type FatGeometry, fatGeometry } from "./geometry.ts";
import {
  BACKUP_BOOT_SECTOR,
  bootSector32,
  FAT_CHAIN_END,
  FAT_ROOT_END,
  FSINFO_SECTOR,
  fsInfo,
  MEDIA_FIXED,
  ROOT_CLUSTER,
} from "./layout.ts";
import { checkLabel, type FatVolume, fatStamp } from "./model.ts";
import { pack32, tableParts } from "./table.ts";
import { TreeWriter } from "./tree.ts";

/** Values from outputs.md 2.8. */
function encodeBootSector(geometry: FatGeometry, label: string): Uint8Array {
  return bootSector32.encode({
    ...sizeFields(geometry),
    rootEntries: 0,
    media: MEDIA_FIXED,
    sectorsPerFat16: 0,
    sectorsPerFat32: geometry.fatSectors,
    driveNumber: 0x80,
    volumeId: 0x1234abcd,
    label,
    fsType: "FAT32",
    bootCode: bootCode(bootSector32.offsets),
  });
}

/** The reserved area's four sectors; the FSInfo copy keeps the values of the empty volume (outputs.md 2.8). */
function reservedParts(geometry: FatGeometry, label: string, tree: TreeWriter): readonly Placement[] {
  const boot = inline(encodeBootSector(geometry, label));
  const current = fsInfo.encode({ freeClusters: tree.clusters.free, lastAllocated: tree.clusters.last });
  const empty = fsInfo.encode({ freeClusters: geometry.clusters - 1, lastAllocated: ROOT_CLUSTER });
  const at = (sector: number): number => sector * geometry.sectorSize;
  return [
    { offset: 0, content: boot },
    { offset: at(FSINFO_SECTOR), content: inline(current) },
    { offset: at(BACKUP_BOOT_SECTOR), content: boot },
    { offset: at(BACKUP_BOOT_SECTOR + FSINFO_SECTOR), content: inline(empty) },
  ];
}

function table(tree: TreeWriter): Uint8Array {
  const entries = tree.clusters.entries(MEDIA_FIXED);
  if (entries[ROOT_CLUSTER] === FAT_CHAIN_END) entries[ROOT_CLUSTER] = FAT_ROOT_END;
  return pack32(entries);
}

/**
 * A FAT32 volume with a tree in it, as a recipe of exactly `sizeBytes` (outputs.md 2.8). File bodies
 * stay extents. Throws `FatError`: names, sizes and times FAT cannot hold, and trees that do not fit.
 */
export function fat32Volume(volume: FatVolume): Recipe {
  checkLabel(volume.label);
  const stamp = fatStamp(volume.mtime);
  const geometry = fatGeometry(volume.sizeBytes, volume.sectorSize ?? 512, volume.sectorsPerCluster);
  const tree = new TreeWriter(geometry, stamp);
  tree.writeChain(volume.label, volume.tree);
  return place(volume.sizeBytes, [
    ...reservedParts(geometry, volume.label, tree),
    ...tableParts(geometry, table(tree)),
    ...tree.parts,
  ]);
}
