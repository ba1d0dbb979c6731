import { alignUp } from "../../bytes/align.ts";
import { FAT_COPIES, FAT32_ENTRY_BYTES, MIN_RESERVED_SECTORS } from "./layout.ts";
import { FatError } from "./model.ts";

/** Sizes of one volume; `Sectors` fields count sectors of `sectorSize` bytes. */
export interface FatGeometry {
  readonly sectorSize: number;
  readonly sectorsPerCluster: number;
  readonly sectorsPerTrack: number;
  readonly heads: number;
  readonly totalSectors: number;
  /** Sectors before the first FAT. */
  readonly reservedSectors: number;
  readonly fatSectors: number;
  /** Data clusters; they are numbered from 2. */
  readonly clusters: number;
  readonly clusterBytes: number;
  /** Byte offset of cluster 2. */
  readonly dataOffset: number;
}

/** Sectors in a MiB of 512-byte sectors: all thresholds below count sectors as if they had 512 bytes (outputs.md 2.8). */
const MIB_SECTORS = 2048;

/** Upper bound in MiB, sectors per track, heads (outputs.md 2.8; the first row is what mkfs.fat 4.2 writes). */
const DISK_GEOMETRY: readonly (readonly [number, number, number])[] = [
  [2, 16, 2],
  [16, 32, 2],
  [32, 32, 4],
  [128, 32, 8],
  [256, 32, 16],
  [504, 63, 16],
  [1008, 63, 32],
  [2016, 63, 64],
  [4032, 63, 128],
  [Number.POSITIVE_INFINITY, 63, 255],
];

/** Upper bound in MiB, sectors per cluster (outputs.md 2.8). */
const CLUSTER_SIZES: readonly (readonly [number, number])[] = [
  [260, 1],
  [8192, 8],
  [16384, 16],
  [32768, 32],
  [Number.POSITIVE_INFINITY, 64],
];

const SECTOR_SIZES: readonly number[] = [512, 1024, 2048, 4096];
const CLUSTER_SECTORS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128];
/** Largest cluster all readers accept, in bytes. */
const MAX_CLUSTER_BYTES = 64 * 1024;
/** Entries above this are reserved (FAT spec 1.03, "FAT Type Determination"). */
const MAX_CLUSTERS = 2 ** 28 - 16;
/** The root directory and one more. */
const MIN_CLUSTERS = 2;

/** The row for a volume of `sectors`; bounds are inclusive and compared without rounding. */
function row<T extends readonly [number, ...unknown[]]>(table: readonly T[], sectors: number): T {
  return table.find(([mib]) => sectors <= mib * MIB_SECTORS)!;
}

/**
 * Where everything lies in a FAT32 volume of `sizeBytes` (outputs.md 2.8). `sectorsPerCluster` is
 * chosen by size when left out. Throws `volume_size` for sizes FAT32 cannot have.
 */
export function fatGeometry(sizeBytes: number, sectorSize: number, sectorsPerCluster?: number): FatGeometry {
  const refuse = (reason: string): never => {
    throw new FatError("volume_size", `fat volume of ${sizeBytes} bytes: ${reason}`);
  };
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) refuse("not a size in bytes");
  if (!SECTOR_SIZES.includes(sectorSize)) refuse(`sector size ${sectorSize} is not one of ${SECTOR_SIZES.join(", ")}`);
  const sectors = Math.floor(sizeBytes / sectorSize);
  const perCluster = sectorsPerCluster ?? row(CLUSTER_SIZES, sectors)[1];
  if (!CLUSTER_SECTORS.includes(perCluster))
    refuse(`${perCluster} sectors per cluster is not a power of two up to 128`);
  const clusterBytes = perCluster * sectorSize;
  if (clusterBytes > MAX_CLUSTER_BYTES)
    refuse(`clusters of ${clusterBytes} bytes are larger than ${MAX_CLUSTER_BYTES}`);
  const [, sectorsPerTrack, heads] = row(DISK_GEOMETRY, sectors);
  const totalSectors = Math.floor(sectors / sectorsPerTrack) * sectorsPerTrack;
  if (totalSectors > 0xffffffff) refuse("more sectors than 32 bits count");
  const reservedSectors = alignUp(MIN_RESERVED_SECTORS, perCluster);
  const beyondReserved = totalSectors - reservedSectors;
  // Two entries of 4 bytes per cluster, and two copies of the two reserved entries.
  const estimate = Math.floor((beyondReserved * sectorSize + 16) / (clusterBytes + 8));
  const fatSectors = alignUp(Math.ceil(((estimate + 2) * FAT32_ENTRY_BYTES) / sectorSize), perCluster);
  const clusters = Math.floor((beyondReserved - FAT_COPIES * fatSectors) / perCluster);
  if (clusters < MIN_CLUSTERS) refuse("too small for FAT32");
  if (clusters > MAX_CLUSTERS) refuse("more clusters than FAT32 counts");
  const dataOffset = (reservedSectors + FAT_COPIES * fatSectors) * sectorSize;
  return {
    sectorSize,
    sectorsPerCluster: perCluster,
    sectorsPerTrack,
    heads,
    totalSectors,
    reservedSectors,
    fatSectors,
    clusters,
    clusterBytes,
    dataOffset,
  };
}

/** Fewest clusters that make a volume FAT32 (FAT spec 1.03), and the margin the reference adds (outputs.md 3.4). */
const ESP_MIN_CLUSTERS = 65525 + 2048;
const ESP_MAX_SECTORS_PER_CLUSTER = 8;

/**
 * Sectors per cluster of the ISO's ESP of `sizeBytes` with 512-byte sectors: doubled from 1 up to 8
 * while enough clusters remain for FAT32 (outputs.md 3.4).
 */
export function espSectorsPerCluster(sizeBytes: number): number {
  let perCluster = 1;
  while (perCluster < ESP_MAX_SECTORS_PER_CLUSTER && sizeBytes / 512 / (perCluster * 2) >= ESP_MIN_CLUSTERS) {
    perCluster *= 2;
  }
  return perCluster;
}
