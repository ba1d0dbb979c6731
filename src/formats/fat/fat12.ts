import { inline, place, type Recipe } from "../../extents/index.ts";
import { bootCode, sizeFields } from "./boot.ts";
import type { FatGeometry } from "./geometry.ts";
import { bootSector12, FAT_COPIES, MEDIA_REMOVABLE, SLOT_BYTES } from "./layout.ts";
import { type FatTree, fatStamp } from "./model.ts";
import { pack12, tableParts } from "./table.ts";
import { TreeWriter } from "./tree.ts";

const SECTOR_BYTES = 512;
const TOTAL_SECTORS = 5760;
const SECTORS_PER_CLUSTER = 2;
const RESERVED_SECTORS = 1;
const FAT_SECTORS = 9;
/** 15 sectors of slots. */
const ROOT_ENTRIES = 240;

const ROOT_OFFSET = (RESERVED_SECTORS + FAT_COPIES * FAT_SECTORS) * SECTOR_BYTES;
const DATA_OFFSET = ROOT_OFFSET + ROOT_ENTRIES * SLOT_BYTES;
const CLUSTER_BYTES = SECTORS_PER_CLUSTER * SECTOR_BYTES;

/** The 2.88 MB format of 80 tracks and two sides, with the FAT length that mformat 4.0.32 chooses (outputs.md 3.5). */
const FLOPPY: FatGeometry = {
  sectorSize: SECTOR_BYTES,
  sectorsPerCluster: SECTORS_PER_CLUSTER,
  sectorsPerTrack: 36,
  heads: 2,
  totalSectors: TOTAL_SECTORS,
  reservedSectors: RESERVED_SECTORS,
  fatSectors: FAT_SECTORS,
  clusters: Math.floor((TOTAL_SECTORS * SECTOR_BYTES - DATA_OFFSET) / CLUSTER_BYTES),
  clusterBytes: CLUSTER_BYTES,
  dataOffset: DATA_OFFSET,
};

/** `mtime` is the serial number, too, cut to 32 bits (outputs.md 3.5). */
function encodeBootSector(mtime: number): Uint8Array {
  return bootSector12.encode({
    ...sizeFields(FLOPPY),
    rootEntries: ROOT_ENTRIES,
    media: MEDIA_REMOVABLE,
    sectorsPerFat16: FAT_SECTORS,
    driveNumber: 0,
    volumeId: mtime >>> 0,
    label: "NO NAME",
    fsType: "FAT12",
    bootCode: bootCode(bootSector12.offsets),
  });
}

/**
 * A 2.88 MB floppy with a tree in it, as GRUB ISOs carry for UEFI (outputs.md 3.5), as a recipe of
 * 2949120 bytes. Throws `FatError`: names and times FAT cannot hold, and trees that do not fit; the
 * reference knows no larger size either.
 */
export function fat12Floppy({ mtime, tree: entries }: FatTree): Recipe {
  const tree = new TreeWriter(FLOPPY, fatStamp(mtime));
  tree.writeArea(ROOT_OFFSET, ROOT_ENTRIES, entries);
  return place(TOTAL_SECTORS * SECTOR_BYTES, [
    { offset: 0, content: inline(encodeBootSector(mtime)) },
    ...tableParts(FLOPPY, pack12(tree.clusters.entries(MEDIA_REMOVABLE))),
    ...tree.parts,
  ]);
}
