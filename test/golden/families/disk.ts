import { readFileSync } from "node:fs";
import { join } from "node:path";
import { grubModules } from "../../../fixtures/grub.ts";
import { DiskReader, type FoundHeader, type FoundPartition } from "../../support/disk-reader.ts";
import { artifacts, type Made, type RecordedRun } from "../artifacts.ts";
import { comparable } from "../content.ts";
import type { Comparison } from "../family.ts";
import { compareFat, type RecordedFat } from "../fat.ts";
import { compareBytes, compareMeta, type RecordedBytes, type RecordedMeta } from "../rawpartitions.ts";
import { compareExt4, compareXfs, type RecordedExt4, type RecordedXfs, xfsOptionFile } from "../volumes.ts";

interface RecordedPartition {
  readonly index: number;
  readonly name: string;
  readonly typeGuid: string;
  readonly guid: string;
  readonly firstLba: number;
  readonly lastLba: number;
  readonly sizeBytes: number;
  readonly attributes: string;
  readonly fat?: RecordedFat;
  readonly xfs?: RecordedXfs;
  readonly ext4?: RecordedExt4;
  readonly meta?: RecordedMeta;
  readonly content?: RecordedBytes;
}

interface RecordedDisk {
  readonly totalBytes: number;
  /** All of LBA 0 when there is boot code in it. */
  readonly mbrHex: string | { readonly bootCode: string; readonly from440: string };
  readonly gpt: {
    readonly sectorSize: number;
    readonly header: Readonly<Record<string, unknown>> & { readonly backupLba: number };
    readonly backupHeader: Readonly<Record<string, unknown>>;
    readonly backupEntriesEqual: boolean;
    readonly partitions: readonly RecordedPartition[];
  };
}

export interface DiskRun extends RecordedRun {
  readonly disk: RecordedDisk;
}

const DEFAULT_SECTOR = 512;
/** Boot code ends before the disk signature; that and the partition table are the disk's (outputs.md 2.4, 2.10). */
const SIGNATURE = 440;
/** Fields of boot.img that are set for a disk: LBA of the core image, and two NOPs (outputs.md 2.10). */
const CORE_LBA = 0x5c;
const DRIVE_CHECK = 0x66;

/** Boot code by what it says of the disk; the code itself is another GRUB's there. */
function mbrFields(mbr: Buffer) {
  const code = mbr.subarray(0, SIGNATURE);
  return {
    bootCode: code.every((byte) => byte === 0)
      ? "none"
      : {
          coreLba: code.readBigUInt64LE(CORE_LBA).toString(),
          driveCheck: code.toString("hex", DRIVE_CHECK, DRIVE_CHECK + 2),
        },
    from440: mbr.toString("hex", SIGNATURE),
  };
}

function recordedMbr(recorded: RecordedDisk["mbrHex"]) {
  if (typeof recorded === "string") return mbrFields(Buffer.from(recorded, "hex"));
  return { bootCode: recorded.bootCode === "zeros" ? "none" : recorded.bootCode, from440: recorded.from440 };
}

/** Whether the boot code is GRUB's file but for the two fields. */
async function isBootImage(mbr: Buffer): Promise<boolean> {
  const file = readFileSync(join(await grubModules(() => undefined), "i386-pc", "boot.img"));
  const without = (code: Buffer): Buffer => {
    const copy = Buffer.from(code.subarray(0, SIGNATURE));
    return copy.fill(0, CORE_LBA, CORE_LBA + 8).fill(0, DRIVE_CHECK, DRIVE_CHECK + 2);
  };
  return without(file).equals(without(mbr));
}

async function compareMbr({ mbrHex }: RecordedDisk, reader: DiskReader): Promise<Comparison> {
  const mbr = Buffer.from(await reader.mbr());
  const hasCode = typeof mbrHex === "string";
  return {
    recorded: { ...recordedMbr(mbrHex), ofBootImage: hasCode },
    ours: { ...mbrFields(mbr), ofBootImage: hasCode && (await isBootImage(mbr)) },
  };
}

/** A header by the names of the recording. */
function headerFields(header: FoundHeader) {
  const hex = (value: number): string => value.toString(16).padStart(8, "0");
  return {
    revision: `0x${header.revision!.toString(16)}`,
    headerSize: header.headerBytes,
    headerCrc: hex(header.headerCrc),
    headerCrcOk: header.headerCrcOk,
    currentLba: header.ownLba,
    backupLba: header.otherLba,
    firstUsableLba: header.firstUsableLba,
    lastUsableLba: header.lastUsableLba,
    diskGuid: header.diskGuid,
    entriesLba: header.entriesLba,
    entryCount: header.entryCount,
    entrySize: header.entryBytes,
    entriesCrc: hex(header.entriesCrc),
    entriesCrcOk: header.entriesCrcOk,
  };
}

async function comparePartition(
  recorded: RecordedPartition,
  { content }: FoundPartition,
  item: DiskRun,
  made: Made,
): Promise<Comparison> {
  if (recorded.fat) return await compareFat(recorded.fat, content, item, made);
  if (recorded.xfs) return await compareXfs(recorded.xfs, content, made, xfsOptionFile(item));
  if (recorded.ext4) return await compareExt4(recorded.ext4, content, made);
  if (recorded.meta) return await compareMeta(recorded.meta, content, made);
  return await compareBytes(recorded.content, content, made);
}

/** The partitions by number: their entries, and what is in them. */
async function comparePartitions(item: DiskRun, found: readonly FoundPartition[], sectorSize: number, made: Made) {
  const { partitions } = item.disk.gpt;
  const inside: (Comparison | undefined)[] = [];
  for (const recorded of partitions) {
    const own = found.find(({ index }) => index === recorded.index);
    inside.push(own && (await comparePartition(recorded, own, item, made)));
  }
  return {
    recorded: partitions.map(({ index, name, typeGuid, guid, firstLba, lastLba, sizeBytes, attributes }, i) => {
      const entry = { index, name, type: typeGuid, guid, firstLba, lastLba, sizeBytes, attributes };
      return { ...entry, content: inside[i]?.recorded };
    }),
    ours: found.map(({ content: _, attributes, ...entry }, i) => ({
      ...entry,
      sizeBytes: (entry.lastLba - entry.firstLba + 1) * sectorSize,
      attributes: `0x${attributes.toString(16)}`,
      content: inside[i]?.ours,
    })),
  };
}

/**
 * A recorded disk and one of ours, both as far as they can be compared: not GRUB's programs, which are of another version
 * there, nor where in a file system something is.
 */
export async function compareDisk(item: DiskRun, made: Made): Promise<Comparison> {
  const { disk } = item;
  const { image, imager, target } = made;
  const sectorSize = Number(target.profile.output.imageOptions?.diskSectorSize) || DEFAULT_SECTOR;
  const reader = new DiskReader(image, imager.blobs, sectorSize);
  const header = await reader.header(1);
  const backup = await reader.header(Math.floor(image.size / sectorSize) - 1);
  const mbr = await compareMbr(disk, reader);
  const partitions = await comparePartitions(item, reader.partitions(header), sectorSize, made);
  const { entriesCrcOk: _, ...backupFields } = headerFields(backup);
  const { header: recordedHeader, backupHeader, backupEntriesEqual } = disk.gpt;
  return comparable(
    {
      totalBytes: disk.totalBytes,
      mbr: mbr.recorded,
      gpt: { sectorSize: disk.gpt.sectorSize, header: recordedHeader, backupHeader, backupEntriesEqual },
      partitions: partitions.recorded,
    },
    {
      totalBytes: image.size,
      mbr: mbr.ours,
      gpt: {
        sectorSize,
        header: headerFields(header),
        backupHeader: backupFields,
        backupEntriesEqual: Buffer.compare(header.entries, backup.entries) === 0,
      },
      partitions: partitions.ours,
    },
  );
}

export const disk = artifacts<DiskRun>("disk", compareDisk);
