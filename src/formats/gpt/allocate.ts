import { alignDown, alignUp, MiB } from "../../bytes/align.ts";
import { ENTRY_BYTES, ENTRY_COUNT, PRIMARY_ENTRIES_LBA } from "./layout.ts";
import { type GptDisk, GptError, type GptPartition, type PlacedPartition } from "./model.ts";

/** Where the structures of a disk lie, in sectors. */
export interface GptGeometry {
  readonly sectorSize: number;
  /** Sectors in 1 MiB, rounded up; every partition starts at a multiple. */
  readonly alignment: number;
  readonly lastLba: number;
  readonly entriesLba: number;
  readonly backupEntriesLba: number;
  readonly firstUsableLba: number;
  readonly lastUsableLba: number;
}

/** The header alone takes most of 512 bytes; above 64 KiB no disk has sectors. The reference takes any size between. */
const MIN_SECTOR_BYTES = 512;
const MAX_SECTOR_BYTES = 65536;

/** The structures' places on a disk (outputs.md 2.4). Throws `disk_size` when they do not fit. */
export function gptGeometry(disk: GptDisk): GptGeometry {
  const { sizeBytes, sectorSize = 512, entryArrayOffsetLba = 0 } = disk;
  const refuse = (reason: string): never => {
    throw new GptError("disk_size", `gpt disk of ${sizeBytes} bytes: ${reason}`);
  };
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) refuse("not a size in bytes");
  if (!Number.isInteger(sectorSize) || sectorSize < MIN_SECTOR_BYTES || sectorSize > MAX_SECTOR_BYTES) {
    refuse(`sector size ${sectorSize} is not in ${MIN_SECTOR_BYTES}..${MAX_SECTOR_BYTES}`);
  }
  if (!Number.isSafeInteger(entryArrayOffsetLba) || entryArrayOffsetLba < 0) {
    refuse(`entry array offset ${entryArrayOffsetLba} is not a number of sectors`);
  }
  const alignment = Math.ceil(MiB / sectorSize);
  const arraySectors = Math.ceil((ENTRY_COUNT * ENTRY_BYTES) / sectorSize);
  const lastLba = Math.floor(sizeBytes / sectorSize) - 1;
  const entriesLba = PRIMARY_ENTRIES_LBA + entryArrayOffsetLba;
  const backupEntriesLba = lastLba - arraySectors;
  const firstUsableLba = alignUp(entriesLba + arraySectors, alignment);
  const lastUsableLba = backupEntriesLba - 1;
  if (firstUsableLba > lastUsableLba) refuse("no room for partitions between the two tables");
  return { sectorSize, alignment, lastLba, entriesLba, backupEntriesLba, firstUsableLba, lastUsableLba };
}

/** An aligned run of free sectors. */
interface Range {
  readonly first: number;
  readonly sectors: number;
}

/** Free ranges between what is placed, starts rounded up; the last one ends on the alignment too (outputs.md 2.4). */
function freeRanges(geometry: GptGeometry, placed: readonly PlacedPartition[]): readonly Range[] {
  const { alignment, firstUsableLba, lastUsableLba } = geometry;
  const ranges: Range[] = [];
  const add = (from: number, end: number): void => {
    const first = alignUp(from, alignment);
    if (end > first) ranges.push({ first, sectors: end - first });
  };
  let at = firstUsableLba;
  for (const { firstLba, lastLba } of placed.toSorted((a, b) => a.firstLba - b.firstLba)) {
    add(at, firstLba);
    at = lastLba + 1;
  }
  add(at, alignDown(lastUsableLba, alignment));
  return ranges;
}

function choose(ranges: readonly Range[], partition: GptPartition, sectors: number): Range {
  const fitting = ranges.filter((range) => range.sectors >= Math.max(sectors, 1));
  const bySize = fitting.toSorted((a, b) => a.sectors - b.sectors || a.first - b.first);
  // A size of 0 takes the largest range, any other the smallest that fits.
  const range = sectors === 0 ? bySize.at(-1) : bySize[0];
  if (!range) {
    const wanted = sectors === 0 ? "" : ` of ${partition.sizeBytes} bytes`;
    throw new GptError("no_space", `gpt partition "${partition.name}": no free range${wanted}`);
  }
  return { first: range.first, sectors: sectors || range.sectors };
}

/** Gives every partition its sectors, one after another (outputs.md 2.4). Throws `no_space`. */
export function allocate(geometry: GptGeometry, partitions: readonly GptPartition[]): readonly PlacedPartition[] {
  const placed: PlacedPartition[] = [];
  for (const partition of partitions) {
    const sectors = Math.floor(partition.sizeBytes / geometry.sectorSize);
    const range = choose(freeRanges(geometry, placed), partition, sectors);
    placed.push({ ...partition, firstLba: range.first, lastLba: range.first + range.sectors - 1 });
  }
  return placed;
}
