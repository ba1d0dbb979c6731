import { crc32 } from "../../bytes/crc32.ts";
import { guidMixedEndian } from "../../bytes/guid.ts";
import { utf16le } from "../../bytes/text.ts";
import { concat, inline, type Placement, place, type Recipe, slice } from "../../extents/index.ts";
import { type ByteRange, PROTECTIVE_FIELDS, protectiveMbr } from "../mbr/index.ts";
import { allocate, type GptGeometry, gptGeometry } from "./allocate.ts";
import { ENTRY_BYTES, ENTRY_COUNT, gptEntry, gptHeader, NAME_UNITS, PRIMARY_LBA } from "./layout.ts";
import { checkPartitions, type GptDisk, GptError, type PlacedPartition } from "./model.ts";

function encodeEntries(partitions: readonly PlacedPartition[]): Uint8Array {
  const table = new Uint8Array(ENTRY_COUNT * ENTRY_BYTES);
  for (const [i, { type, guid, firstLba, lastLba, attributes = 0n, name }] of partitions.entries()) {
    const nameField = new Uint8Array(NAME_UNITS * 2);
    nameField.set(utf16le(name));
    const entry = gptEntry.encode({
      type: guidMixedEndian(type),
      guid: guidMixedEndian(guid),
      firstLba,
      lastLba,
      attributes,
      name: nameField,
    });
    table.set(entry, i * ENTRY_BYTES);
  }
  return table;
}

/** One of the two headers; they differ in where they and their arrays stand. */
function encodeHeader(
  geometry: GptGeometry,
  diskGuid: GptDisk["diskGuid"],
  entriesCrc: number,
  at: { readonly ownLba: number; readonly otherLba: number; readonly entriesLba: number },
): Uint8Array {
  const { firstUsableLba, lastUsableLba } = geometry;
  const fields = { ...at, firstUsableLba, lastUsableLba, entriesCrc, diskGuid: guidMixedEndian(diskGuid) };
  // The checksum covers the header with its own field zero (UEFI 2.10 table 5.5).
  const headerCrc = crc32(gptHeader.encode({ ...fields, headerCrc: 0 }));
  return gptHeader.encode({ ...fields, headerCrc });
}

function tableParts(disk: GptDisk, geometry: GptGeometry, entries: Uint8Array): readonly Placement[] {
  const { lastLba, entriesLba, backupEntriesLba, sectorSize } = geometry;
  const crc = crc32(entries);
  const primary = { ownLba: PRIMARY_LBA, otherLba: lastLba, entriesLba };
  const backup = { ownLba: lastLba, otherLba: PRIMARY_LBA, entriesLba: backupEntriesLba };
  return [
    { offset: 0, content: inline(protectiveMbr(lastLba, disk.bootCode)) },
    ...[primary, backup].flatMap((at) => [
      { offset: at.ownLba * sectorSize, content: inline(encodeHeader(geometry, disk.diskGuid, crc, at)) },
      { offset: at.entriesLba * sectorSize, content: inline(entries) },
    ]),
  ];
}

/** The parts of what stood on a disk that the table leaves alone. */
function keptParts(
  before: readonly Placement[],
  disk: GptDisk,
  { sectorSize, entriesLba }: GptGeometry,
): readonly Placement[] {
  const array = entriesLba * sectorSize;
  const written: readonly ByteRange[] = [
    [0, disk.bootCode?.length ?? 0],
    ...PROTECTIVE_FIELDS,
    [PRIMARY_LBA * sectorSize, (PRIMARY_LBA + 1) * sectorSize],
    [array, array + ENTRY_COUNT * ENTRY_BYTES],
  ];
  return before.flatMap(({ offset, content }) =>
    without([offset, offset + content.size], written).map(([from, to]) => ({
      offset: from,
      content: slice(content, from - offset, to - from),
    })),
  );
}

/** What is left of a range without others, which are in order. */
function without([from, to]: ByteRange, others: readonly ByteRange[]): readonly ByteRange[] {
  const left: ByteRange[] = [];
  let at = from;
  for (const [start, end] of others) {
    if (start > at) left.push([at, Math.min(start, to)]);
    at = Math.max(at, end);
  }
  left.push([at, to]);
  return left.filter(([start, end]) => start < end);
}

/** An image with parts in place of its own bytes; they do not overlap. */
function onTop(image: Recipe, parts: readonly Placement[]): Recipe {
  const pieces: Recipe[] = [];
  let at = 0;
  for (const { offset, content } of parts.toSorted((a, b) => a.offset - b.offset)) {
    pieces.push(slice(image, at, offset - at), content);
    at = offset + content.size;
  }
  return concat(...pieces, slice(image, at, image.size - at));
}

/** The bodies of the partitions that have one. */
function bodyParts(partitions: readonly PlacedPartition[], sectorSize: number): readonly Placement[] {
  return partitions.flatMap(({ name, content, firstLba, lastLba }) => {
    if (!content) return [];
    const room = (lastLba - firstLba + 1) * sectorSize;
    if (content.size > room) {
      throw new GptError("content_too_large", `gpt partition "${name}": ${content.size} bytes do not fit into ${room}`);
    }
    return [{ offset: firstLba * sectorSize, content }];
  });
}

/**
 * A disk image with protective MBR, both GPT copies and the partitions' content (outputs.md 2.4 to
 * 2.6), and where each partition went. Partitions are allocated in order as the reference does:
 * 1 MiB aligned, in the smallest free range that fits. Throws `GptError`, or `MbrError` for boot code
 * of more than 446 bytes.
 */
export function gptDisk(disk: GptDisk): { readonly image: Recipe; readonly partitions: readonly PlacedPartition[] } {
  const geometry = gptGeometry(disk);
  checkPartitions(disk.partitions, geometry.sectorSize);
  const partitions = allocate(geometry, disk.partitions);
  const image = place(disk.sizeBytes, [
    ...tableParts(disk, geometry, encodeEntries(partitions)),
    ...bodyParts(partitions, geometry.sectorSize),
  ]);
  const { before = [] } = disk;
  return { image: before.length === 0 ? image : onTop(image, keptParts(before, disk, geometry)), partitions };
}
