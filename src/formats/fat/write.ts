import { inline, type Placement, place, type Recipe } from "../../extents/index.ts";
import { type FatGeometry, fatGeometry } from "./geometry.ts";
import {
  BACKUP_BOOT_SECTOR,
  BOOT_CODE,
  bootSector,
  FAT_COPIES,
  FSINFO_SECTOR,
  fsInfo,
  ROOT_CLUSTER,
} from "./layout.ts";
import { checkLabel, type FatVolume, fatStamp } from "./model.ts";
import { TreeWriter } from "./tree.ts";

function encodeBootSector(geometry: FatGeometry, label: string): Uint8Array {
  const { sectorSize, sectorsPerCluster, sectorsPerTrack, heads, totalSectors, reservedSectors, fatSectors } = geometry;
  const small = totalSectors <= 0xffff;
  return bootSector.encode({
    ...{
      bytesPerSector: sectorSize,
      sectorsPerCluster,
      reservedSectors,
      sectorsPerTrack,
      heads,
      label,
      bootCode: BOOT_CODE,
    },
    totalSectors16: small ? totalSectors : 0,
    totalSectors32: small ? 0 : totalSectors,
    sectorsPerFat32: fatSectors,
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

function tableParts(geometry: FatGeometry, tree: TreeWriter): readonly Placement[] {
  const table = inline(tree.clusters.table());
  return Array.from({ length: FAT_COPIES }, (_, copy) => ({
    offset: (geometry.reservedSectors + copy * geometry.fatSectors) * geometry.sectorSize,
    content: table,
  }));
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
  tree.writeRoot(volume.label, volume.tree);
  return place(volume.sizeBytes, [
    ...reservedParts(geometry, volume.label, tree),
    ...tableParts(geometry, tree),
    ...tree.parts,
  ]);
}
