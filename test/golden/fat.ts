/** FAT volumes of recorded images: fields and tree. Cluster numbers and the boot code of mkfs.fat are not compared. */
import { type Recipe, read } from "../../src/extents/index.ts";
import { bootSector12 } from "../../src/formats/fat/layout.ts";
import { bytesBeforeZeros } from "../support/disk-reader.ts";
import { type FatFound, FatReader } from "../support/fat-reader.ts";
import type { Made } from "./artifacts.ts";
import { compareTree, type RecordedContent, recordedContent } from "./content.ts";
import type { Comparison } from "./family.ts";
import type { ArtifactCase } from "./imager.ts";
import { compareProgram, type ProgramKind, programKind, type RecordedProgram } from "./programs.ts";

interface RecordedEntry extends RecordedContent {
  /** Missing for the volume's label. */
  readonly path?: string;
  readonly short: string;
  readonly attr: string;
  readonly lfn?: boolean;
  readonly caseBits?: string;
  readonly mtime: string;
  readonly ctime: string;
  readonly adate: string;
}

interface FreeClusters {
  readonly lead: string;
  readonly freeCount: number;
  readonly nextFree: number;
}

export interface RecordedFat {
  readonly dataClusters: number;
  readonly usedClusters: number;
  /** Of FAT32. */
  readonly fsInfo?: FreeClusters;
  readonly kind: string;
  readonly fatStartHex: string;
  readonly bootCodeSha256: string;
  readonly tree: readonly RecordedEntry[];
  readonly efiFiles?: Readonly<Record<string, RecordedProgram>>;
}

const SECTOR = 512;
const SLOT_BYTES = 32;

function hex(value: number | undefined, digits = 1): string {
  return `0x${value!.toString(16).padStart(digits, "0")}`;
}

/** Date and time of an entry (FAT spec 1.03, "Date and Time Formats"). */
function dateText(date: number): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${1980 + (date >> 9)}-${two((date >> 5) & 15)}-${two(date & 31)}`;
}

function stampText(date: number, time: number): string {
  const parts = [time >> 11, (time >> 5) & 63, (time & 31) * 2].map((value) => String(value).padStart(2, "0"));
  return `${dateText(date)}T${parts.join(":")}`;
}

/** `NAME.EXT` of the eleven characters on disk. */
function shortText(name: string): string {
  const extension = name.slice(8).trimEnd();
  return name.slice(0, 8).trimEnd() + (extension && `.${extension}`);
}

function clustersOf({ boot }: FatReader): number {
  const { totalSectors16, totalSectors32, reservedSectors, sectorsPerCluster, rootEntries, bytesPerSector } = boot;
  const tables = 2 * (boot.sectorsPerFat16 || boot.sectorsPerFat32);
  const front = reservedSectors + tables + Math.ceil((rootEntries * SLOT_BYTES) / bytesPerSector);
  return Math.floor(((totalSectors16 || totalSectors32) - front) / sectorsPerCluster);
}

/** What only FAT32 has a copy of, and how its table begins; that of FAT12 begins with cluster numbers. */
function copiesOf(reader: FatReader) {
  const { boot, image } = reader;
  const backup = boot.backupBootSector! * boot.bytesPerSector;
  return {
    backupBootSectorEqual: Buffer.compare(image.subarray(0, SECTOR), image.subarray(backup, backup + SECTOR)) === 0,
    fatStartHex: Buffer.from(reader.table(0).subarray(0, 16)).toString("hex"),
  };
}

/** The boot sector by the names of the recording, and what can be said of the tables. */
function fieldsOf(reader: FatReader) {
  const { image } = reader;
  const isFat12 = reader.boot.sectorsPerFat16 !== 0;
  const boot = isFat12 ? { ...bootSector12.decode(image), reserved: undefined } : reader.boot;
  const { media, driveNumber, bootSignature, volumeId, label, fsType, signature, reserved: _, ...rest } = boot;
  const { jump, oemName, bootCode: __, ...numbers } = rest;
  return {
    ...(isFat12 ? {} : copiesOf(reader)),
    ...numbers,
    jump: Buffer.from(jump!).toString("hex"),
    oem: oemName,
    media: hex(media),
    driveNumber: hex(driveNumber),
    // Between drive number and signature.
    reserved1: image[isFat12 ? 37 : 65],
    bootSig: hex(bootSignature),
    volumeId: volumeId.toString(16).padStart(8, "0"),
    label: label.padEnd(11),
    fsType: fsType.padEnd(8),
    signature: signature === 0xaa55 ? "55aa" : hex(signature),
    kind: isFat12 ? "FAT12" : "FAT32",
    dataClusters: clustersOf(reader),
    fatCopiesEqual: Buffer.compare(reader.table(0), reader.table(1)) === 0,
  };
}

function infoOf(reader: FatReader): FreeClusters {
  const { freeClusters, lastAllocated } = reader.info();
  const start = reader.boot.bytesPerSector;
  const lead = Buffer.from(reader.image.subarray(start, start + 4)).toString("latin1");
  return { lead, freeCount: freeClusters, nextFree: lastAllocated };
}

/** FSInfo, and what it says of the clusters in use; their number only where all files have the recorded sizes. */
function accounting(
  info: FreeClusters,
  { used, clusters }: { readonly used: number; readonly clusters: number },
  sized: boolean,
) {
  return {
    lead: info.lead,
    free: clusters - used === info.freeCount ? "as counted" : info.freeCount,
    // Volumes are filled from the start.
    last: info.nextFree === used + 1 ? "as counted" : info.nextFree,
    used: sized ? used : undefined,
  };
}

function entryOf(entry: FatFound) {
  return {
    short: shortText(entry.short),
    attr: hex(entry.attributes),
    lfn: entry.long || undefined,
    caseBits: entry.caseBits === 0 ? undefined : hex(entry.caseBits),
    mtime: stampText(entry.date, entry.time),
    ctime: stampText(entry.createdDate, entry.createdTime),
    adate: dateText(entry.accessedDate),
  };
}

/** What of a file's content is the same in ours. */
function gatingContent(entry: RecordedEntry, kind: ProgramKind | undefined): RecordedContent {
  if (kind === "grub" || kind === "uki with extensions") return {};
  const { size = 0 } = entry;
  return kind === "uki" ? { size } : recordedContent(entry);
}

const DIRECTORY = 0x10;
const LABEL = "(label)";

/** Entries by path, the label among them. */
function compareEntries({ tree }: RecordedFat, reader: FatReader, kinds: ReadonlyMap<string, ProgramKind>) {
  const label = reader.label();
  return compareTree(
    tree.map((entry) => {
      const { path = LABEL, short, attr, lfn, caseBits, mtime, ctime, adate } = entry;
      const fields = { short, attr, lfn, caseBits, mtime, ctime, adate };
      return { path, fields, content: gatingContent(entry, kinds.get(path)) };
    }),
    [
      ...(label ? [{ path: LABEL, fields: entryOf(label) }] : []),
      ...Array.from(reader.walk(), (entry) => {
        const bytes = entry.attributes & DIRECTORY ? undefined : entry.bytes;
        return { path: entry.path, fields: entryOf(entry), bytes };
      }),
    ],
  );
}

/** The recorded programs and ours, by path. */
async function comparePrograms({ efiFiles = {} }: RecordedFat, reader: FatReader, item: ArtifactCase, made: Made) {
  const files = new Map(Array.from(reader.walk(), ({ path, bytes }) => [path, bytes]));
  const recorded: Record<string, unknown> = {};
  const ours: Record<string, unknown> = {};
  for (const [path, program] of Object.entries(efiFiles)) {
    const bytes = files.get(path);
    if (!bytes) continue;
    const pair = await compareProgram(program, bytes, item, made);
    recorded[path] = pair.recorded;
    ours[path] = pair.ours;
  }
  return { recorded, ours };
}

/** A recorded volume and one of ours, both as far as they can be compared. */
export async function compareFat(
  recorded: RecordedFat,
  volume: Recipe,
  item: ArtifactCase,
  made: Made,
): Promise<Comparison> {
  const { tree: _, efiFiles = {}, fsInfo, usedClusters, bootCodeSha256: __, fatStartHex, ...fields } = recorded;
  const reader = new FatReader(await read(volume, made.imager.blobs, 0, bytesBeforeZeros(volume)));
  const kinds = new Map(Object.entries(efiFiles).map(([path, program]) => [path, programKind(program, made)]));
  const sized = [...kinds.values()].every((kind) => kind === "uki" || kind === "copy");
  const tree = compareEntries(recorded, reader, kinds);
  const programs = await comparePrograms(recorded, reader, item, made);
  const clusters = clustersOf(reader);
  const counted = { used: usedClusters, clusters: recorded.dataClusters };
  return {
    recorded: {
      ...fields,
      fatStartHex: fsInfo && fatStartHex,
      fsInfo: fsInfo && accounting(fsInfo, counted, sized),
      tree: tree.recorded,
      programs: programs.recorded,
    },
    ours: {
      ...fieldsOf(reader),
      fsInfo: fsInfo && accounting(infoOf(reader), { used: reader.usedClusters(clusters), clusters }, sized),
      tree: tree.ours,
      programs: programs.ours,
    },
  };
}
