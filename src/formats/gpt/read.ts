import { guidText } from "../../bytes/guid.ts";
import { malformed, part, type RandomAccess, readPart, readRecord } from "../../bytes/random-access.ts";
import { ENTRY_BYTES, ENTRY_COUNT, gptEntry, gptHeader, PRIMARY_LBA } from "./layout.ts";

/** A partition of a disk. */
export interface FoundPartition {
  readonly name: string;
  /** GUIDs in lower case. */
  readonly type: string;
  readonly guid: string;
  readonly firstLba: number;
  readonly content: RandomAccess;
}

export interface FoundGpt {
  /** Bytes. */
  readonly sectorSize: number;
  readonly diskGuid: string;
  readonly partitions: readonly FoundPartition[];
}

const SECTOR_SIZES = [512, 4096] as const;
const SIGNATURE = "EFI PART";
const UNUSED = "00000000-0000-0000-0000-000000000000";

/**
 * The primary partition table of a disk with sectors of 512 or 4096 bytes (UEFI 2.10, 5.3); undefined when it has none.
 * Checksums are not verified. Throws `image_malformed`.
 */
export async function readGpt(disk: RandomAccess): Promise<FoundGpt | undefined> {
  for (const sectorSize of SECTOR_SIZES) {
    const at = PRIMARY_LBA * sectorSize;
    if (disk.size < at + gptHeader.size) continue;
    const signature = Buffer.from(await disk.read(at, SIGNATURE.length)).toString("latin1");
    if (signature === SIGNATURE) return await readTable(disk, sectorSize);
  }
  return undefined;
}

async function readTable(disk: RandomAccess, sectorSize: number): Promise<FoundGpt> {
  const { diskGuid, entriesLba, entryCount, entryBytes } = await readRecord(disk, PRIMARY_LBA * sectorSize, gptHeader);
  if (entryBytes !== ENTRY_BYTES || entryCount === undefined || entryCount > ENTRY_COUNT) {
    throw malformed(`gpt: ${entryCount} entries of ${entryBytes} bytes are not read`);
  }
  const table = await readPart(disk, entriesLba * sectorSize, entryCount * ENTRY_BYTES, "gpt entries");
  const partitions = Array.from({ length: entryCount }, (_, i) => {
    const { type, guid, firstLba, lastLba, name } = gptEntry.decode(table, i * ENTRY_BYTES);
    if (guidText(type) === UNUSED) return undefined;
    if (lastLba < firstLba) throw malformed(`gpt: entry ${i} ends before it starts`);
    return {
      name: Buffer.from(name).toString("utf16le").replace(/\0.*$/su, ""),
      type: guidText(type),
      guid: guidText(guid),
      firstLba,
      content: part(disk, firstLba * sectorSize, (lastLba - firstLba + 1) * sectorSize),
    };
  });
  return { sectorSize, diskGuid: guidText(diskGuid), partitions: partitions.filter((one) => one !== undefined) };
}
