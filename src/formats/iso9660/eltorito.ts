import { concatBytes } from "../../bytes/text.ts";
import {
  BLOCK_BYTES,
  bootEntry,
  PLATFORM_BIOS,
  PLATFORM_EFI,
  SECTION_LAST,
  SECTION_MORE,
  sectionHeader,
  validationEntry,
} from "./layout.ts";
import { type IsoBootEntry, IsoError } from "./model.ts";

/** A boot image that has found its place: first block and size. */
export interface PlacedBootEntry {
  readonly entry: IsoBootEntry;
  readonly block: number;
  readonly sizeBytes: number;
}

/** El Torito counts boot images in sectors of this size, in 16 bits. */
const LOAD_SECTOR_BYTES = 512;
const MAX_LOAD_SECTORS = 0xffff;
/** The catalog is one block of 32-byte entries: validation, default, and two for each further one. */
const MAX_ENTRIES = 1 + (BLOCK_BYTES / validationEntry.size - 2) / 2;

/** Refuses lists the catalog cannot hold. */
export function checkBootEntries(entries: readonly IsoBootEntry[]): void {
  if (entries.length < 1 || entries.length > MAX_ENTRIES) {
    throw new IsoError(
      "boot_entry_invalid",
      `iso9660 el torito: ${entries.length} entries are not 1 to ${MAX_ENTRIES}`,
    );
  }
  for (const { loadSectors = 0 } of entries) {
    if (!Number.isInteger(loadSectors) || loadSectors < 0 || loadSectors > MAX_LOAD_SECTORS) {
      throw new IsoError("boot_entry_invalid", `iso9660 el torito: load size ${loadSectors} does not fit 16 bits`);
    }
  }
}

function platformOf({ platform }: IsoBootEntry): number {
  return platform === "efi" ? PLATFORM_EFI : PLATFORM_BIOS;
}

/** The words of the entry, its checksum included, sum up to 0 (El Torito 1.0, figure 2). */
function encodeValidation(platform: number): Uint8Array {
  const blank = validationEntry.encode({ platform, checksum: 0 });
  let sum = 0;
  for (let at = 0; at < blank.length; at += 2) sum += blank[at]! + 256 * blank[at + 1]!;
  return validationEntry.encode({ platform, checksum: -sum & 0xffff });
}

function encodeEntry({ entry, block, sizeBytes }: PlacedBootEntry): Uint8Array {
  const sectors = Math.ceil(sizeBytes / LOAD_SECTOR_BYTES);
  const loadSectors = entry.loadSectors ?? (sectors > MAX_LOAD_SECTORS ? 0 : sectors);
  return bootEntry.encode({ loadSectors, block });
}

/** The boot catalog, one block: the first entry is the default, each further one a section (El Torito 1.0, 2). */
export function encodeCatalog(entries: readonly PlacedBootEntry[]): Uint8Array {
  const catalog = new Uint8Array(BLOCK_BYTES);
  const [first, ...sections] = entries;
  const parts = [encodeValidation(platformOf(first!.entry)), encodeEntry(first!)];
  for (const [i, section] of sections.entries()) {
    const indicator = i + 1 === sections.length ? SECTION_LAST : SECTION_MORE;
    parts.push(
      sectionHeader.encode({ indicator, platform: platformOf(section.entry), entries: 1 }),
      encodeEntry(section),
    );
  }
  catalog.set(concatBytes(...parts));
  return catalog;
}
