import { crc32 } from "../../bytes/crc32.ts";
import { type Guid, guidMixedEndian, labelGuid } from "../../bytes/guid.ts";
import { u32le } from "../../bytes/struct.ts";
import { utf16le } from "../../bytes/text.ts";
import { inline, type Placement } from "../../extents/index.ts";
import { ENTRY_BYTES, gptEntry, gptHeader, NAME_UNITS, PRIMARY_ENTRIES_LBA, PRIMARY_LBA } from "../gpt/layout.ts";
import { SECTOR_BYTES } from "./layout.ts";

/** All that fit before the first descriptor: LBA 2 to 63 (outputs.md 3.5). */
const ENTRY_COUNT = 248;
const ENTRIES_SECTORS = (ENTRY_COUNT * ENTRY_BYTES) / SECTOR_BYTES;
const FIRST_USABLE_LBA = PRIMARY_ENTRIES_LBA + ENTRIES_SECTORS;

/** A partition that has its place; 512-byte sectors. */
export interface TablePartition {
  readonly name: string;
  readonly type: Guid;
  readonly attributes: bigint;
  readonly firstLba: number;
  readonly sectors: number;
}

function encodeEntries(partitions: readonly TablePartition[], volumeId: string): Uint8Array {
  const table = new Uint8Array(ENTRY_COUNT * ENTRY_BYTES);
  for (const [i, { name, type, attributes, firstLba, sectors }] of partitions.entries()) {
    const nameField = new Uint8Array(NAME_UNITS * 2);
    nameField.set(utf16le(name));
    const entry = gptEntry.encode({
      type: guidMixedEndian(type),
      guid: guidMixedEndian(labelGuid(`${volumeId} ${name}`)),
      firstLba,
      lastLba: firstLba + sectors - 1,
      attributes,
      name: nameField,
    });
    table.set(entry, i * ENTRY_BYTES);
  }
  return table;
}

type HeaderFields = Omit<Parameters<typeof gptHeader.encode>[0], "headerCrc">;

function encodeHeader(fields: HeaderFields): Uint8Array {
  const header = gptHeader.encode({ ...fields, headerCrc: 0 });
  const view = new DataView(header.buffer);
  // Disks have 128 entries, the system area of an ISO has room for more.
  u32le.write(view, gptHeader.offsets.entryCount, ENTRY_COUNT);
  u32le.write(view, gptHeader.offsets.headerCrc, crc32(header));
  return header;
}

/**
 * Both GPT copies of an image of `sizeBytes`, whole 512-byte sectors, of which the last 63 are free
 * (UEFI 2.10, 5.3.2). GUIDs follow from the volume id and the partitions' names.
 */
export function gptTables(
  sizeBytes: number,
  volumeId: string,
  partitions: readonly TablePartition[],
): readonly Placement[] {
  const entries = encodeEntries(partitions, volumeId);
  const lastLba = sizeBytes / SECTOR_BYTES - 1;
  const backupEntriesLba = lastLba - ENTRIES_SECTORS;
  const common = {
    firstUsableLba: FIRST_USABLE_LBA,
    lastUsableLba: backupEntriesLba - 1,
    entriesCrc: crc32(entries),
    diskGuid: guidMixedEndian(labelGuid(volumeId)),
  };
  const primary = { ...common, ownLba: PRIMARY_LBA, otherLba: lastLba, entriesLba: PRIMARY_ENTRIES_LBA };
  const backup = { ...common, ownLba: lastLba, otherLba: PRIMARY_LBA, entriesLba: backupEntriesLba };
  return [primary, backup].flatMap((fields) => [
    { offset: fields.ownLba * SECTOR_BYTES, content: inline(encodeHeader(fields)) },
    { offset: fields.entriesLba * SECTOR_BYTES, content: inline(entries) },
  ]);
}
