import { concatBytes } from "../../bytes/text.ts";
import {
  BLOCK_BYTES,
  bootEntry,
  PLATFORM_BIOS,
  PLATFORM_EFI,
  SECTION_LAST,
  SECTION_MORE,
  SECTOR_BYTES,
  sectionHeader,
  validationEntry,
} from "./layout.ts";
import { type IsoBootEntry, IsoError, type IsoImage } from "./model.ts";

/** A boot image that has found its place: first block and size. */
export interface PlacedBootEntry {
  readonly entry: IsoBootEntry;
  readonly block: number;
  readonly sizeBytes: number;
}

/** Load sizes are 16-bit. */
const MAX_LOAD_SECTORS = 0xffff;
/** The catalog is one block of 32-byte entries: validation, default, and two for each further one. */
const MAX_ENTRIES = 1 + (BLOCK_BYTES / validationEntry.size - 2) / 2;

/** Refuses lists the catalog cannot hold, and entries that `appendedPartition` and `grubBoot` do not go with. */
export function checkBootEntries({ elTorito, appendedPartition, grubBoot }: IsoImage): void {
  const refuse = (reason: string): never => {
    throw new IsoError("boot_entry_invalid", `iso9660 el torito: ${reason}`);
  };
  const [first] = elTorito;
  if (!first || elTorito.length > MAX_ENTRIES) refuse(`${elTorito.length} entries are not 1 to ${MAX_ENTRIES}`);
  for (const { loadSectors = 0, image } of elTorito) {
    if (!Number.isInteger(loadSectors) || loadSectors < 0 || loadSectors > MAX_LOAD_SECTORS) {
      refuse(`load size ${loadSectors} does not fit 16 bits`);
    }
    if (image.$case === "appended" && !appendedPartition) refuse("an entry without its appended partition");
  }
  if (appendedPartition?.size === 0) refuse("the appended partition is empty");
  if (!grubBoot) {
    if (!appendedPartition) refuse("neither an appended partition nor GRUB's boot sector");
    return;
  }
  if (first?.platform !== "bios" || first.image.$case !== "file") {
    refuse("with GRUB's boot sector the first entry is a file for BIOS");
  }
  if (!elTorito.some(({ platform }) => platform === "efi")) refuse("GRUB's boot sector without an EFI entry");
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
  const sectors = Math.ceil(sizeBytes / SECTOR_BYTES);
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
