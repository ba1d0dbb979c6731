/** Partition tables of recorded ISOs and of ours. Where something stands is compared by what is beside it. */
import type { DiskReader, FoundHeader } from "../support/disk-reader.ts";
import { chsOf, type FoundSlot } from "../support/iso-boot.ts";

export interface RecordedSlot extends Omit<FoundSlot, "status" | "type"> {
  readonly status: string;
  readonly type: string;
}

interface RecordedGptPartition {
  readonly name: string;
  readonly typeGuid: string;
  readonly firstLba: number;
  readonly lastLba: number;
  readonly attributes: string;
}

interface RecordedGptHeader {
  readonly revision: string;
  readonly headerSize: number;
  readonly entrySize: number;
  readonly firstUsableLba: number;
  readonly lastUsableLba: number;
  readonly currentLba: number;
  readonly backupLba: number;
  readonly headerCrcOk: boolean;
  readonly entriesCrcOk?: boolean;
  readonly entriesLba: number;
  readonly entryCount: number;
}

/** A GPT as it was recorded. */
export interface RecordedIsoGpt {
  readonly header: RecordedGptHeader;
  readonly backupHeader: RecordedGptHeader;
  readonly backupEntriesEqual: boolean;
  readonly partitions: readonly RecordedGptPartition[];
}

/** Both copies of a GPT of ours. */
export interface OwnGpt {
  readonly header: FoundHeader;
  readonly backup: FoundHeader;
  readonly partitions: ReturnType<DiskReader["partitions"]>;
}

/** Cylinders of 64 heads and 32 sectors, as ISOs have them (outputs.md 3.5). */
const GEOMETRY = { heads: 64, sectors: 32 };
const CYLINDER = 2048;
const TYPE_ESP = 0xef;

/**
 * grub-mkrescue also makes an HFS+ view of the file system with an Apple partition map, for Macs that start by neither BIOS
 * nor El Torito; it may be left out (outputs.md 3.5, end). Its map takes the sectors behind the GPT's header, which moves and
 * shortens the entry array.
 */
const APPLE_PARTITION = "HFSPLUS";

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Partitions by their order: where they begin and end is said by what is beside them. */
export function slotFields(slots: readonly FoundSlot[], sectors: number) {
  return slots.map(({ slot, status, type, startLba, sectors: size, chsStart, chsEnd }, i) => {
    const end = startLba + size;
    return {
      ...{ slot, status, type },
      start: i === 0 ? startLba : { inCylinder: startLba % CYLINDER },
      sectors: type === TYPE_ESP ? size : undefined,
      end: end === sectors ? "of the image" : { inCylinder: end % CYLINDER, meetsNext: slots[i + 1]?.startLba === end },
      inGeometry: chsStart === chsOf(startLba, GEOMETRY) && chsEnd === chsOf(end - 1, GEOMETRY),
    };
  });
}

type GptFields = Pick<RecordedGptPartition, "name" | "typeGuid" | "firstLba" | "lastLba" | "attributes">;

function partitionFields(partitions: readonly GptFields[]) {
  return partitions.map(({ name, typeGuid, firstLba, lastLba, attributes }, i) => ({
    ...{ name, typeGuid, attributes },
    start: i === 0 ? firstLba : { followsLast: partitions[i - 1]!.lastLba + 1 === firstLba },
    // What is behind the ESP is padding.
    sectors: i === 0 ? undefined : lastLba - firstLba + 1,
  }));
}

/** Both headers; of the entry array only where no Apple map is in its way. */
function headerFields(header: RecordedGptHeader, backup: RecordedGptHeader, sectors: number, apple: boolean) {
  const { revision, headerSize, entrySize, entriesLba, entryCount } = header;
  const { headerCrcOk, entriesCrcOk, firstUsableLba, currentLba } = header;
  return {
    ...{ revision, headerSize, entrySize, headerCrcOk, entriesCrcOk, firstUsableLba, currentLba },
    backupIsLast: header.backupLba === sectors - 1 && backup.currentLba === sectors - 1,
    backup: { headerCrcOk: backup.headerCrcOk, backupLba: backup.backupLba, count: backup.entryCount === entryCount },
    usableEndsAtEntries: header.lastUsableLba + 1 === backup.entriesLba,
    entries: apple ? undefined : { entriesLba, entryCount },
  };
}

/** A recorded GPT; without the Apple partition where there is one. */
export function recordedGpt(gpt: RecordedIsoGpt | undefined, sectors: number, apple: boolean) {
  if (!gpt) return undefined;
  const header = headerFields(gpt.header, gpt.backupHeader, sectors, apple);
  const partitions = partitionFields(gpt.partitions).filter(({ name }) => name !== APPLE_PARTITION);
  return { header, backupEntriesEqual: gpt.backupEntriesEqual, partitions };
}

/** A GPT of ours by the names of the recording. */
export function ownGpt(gpt: OwnGpt | undefined, sectors: number, apple: boolean) {
  if (!gpt) return undefined;
  const { header, backup, partitions } = gpt;
  const fields = (one: FoundHeader): RecordedGptHeader => ({
    ...one,
    ...{ revision: hex(one.revision!), headerSize: one.headerBytes!, entrySize: one.entryBytes! },
    ...{ currentLba: one.ownLba, backupLba: one.otherLba },
  });
  return {
    header: headerFields(fields(header), fields(backup), sectors, apple),
    backupEntriesEqual: Buffer.compare(header.entries, backup.entries) === 0,
    partitions: partitionFields(
      partitions.map(({ type, attributes, ...rest }) => ({ ...rest, typeGuid: type, attributes: hex(attributes) })),
    ),
  };
}
