/** How a recorded ISO boots, and how one of ours does: El Torito, boot code, partition tables. Places are not compared. */
import assert from "node:assert/strict";
import { MiB } from "../../src/bytes/align.ts";
import { type BlobReader, type Recipe, read } from "../../src/extents/index.ts";
import { DiskReader } from "../support/disk-reader.ts";
import {
  bootImageTables,
  type FoundBootEntry,
  type FoundSlot,
  mbrSlots,
  readBootCatalog,
} from "../support/iso-boot.ts";
import { type IsoFound, IsoReader } from "../support/iso-reader.ts";
import { type OwnGpt, ownGpt, type RecordedIsoGpt, type RecordedSlot, recordedGpt, slotFields } from "./isotables.ts";

/** The parts of a recording that say how the image boots. */
export interface RecordedIsoBoot {
  readonly totalBytes: number;
  readonly mbrHex: string;
  /** Lines of `xorriso -report_system_area plain` and `-report_el_torito plain`. */
  readonly systemArea: readonly string[];
  readonly elTorito: readonly string[];
  readonly mbrPartitions: readonly RecordedSlot[];
  readonly gpt?: RecordedIsoGpt;
}

const SECTOR = 512;
const BLOCK = 2048;
const SECTORS_PER_BLOCK = BLOCK / SECTOR;
const CYLINDER = 2048;
const TYPE_ESP = 0xef;
const TYPE_PROTECTIVE = 0xee;
const GUID_ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
/** Where GRUB's boot sector says which sector comes next; what is before belongs to GRUB's version (outputs.md 3.5). */
const POINTER = 0x1b0;
const SIGNATURE = 440;

/** The word that says there is an Apple partition map too, which `isotables.ts` tells about. */
const APPLE_SUMMARY = / APM\b/;

/** The value behind a name in xorriso's lines. */
function reported(lines: readonly string[], name: string): string | undefined {
  const line = lines.find((text) => text.startsWith(name));
  return line?.slice(line.indexOf(":") + 1).trim();
}

/** The rows of a table in xorriso's lines, as words, by the number they begin with. */
function rows(lines: readonly string[], name: string): ReadonlyMap<number, readonly string[]> {
  const found = lines.filter((text) => text.startsWith(name) && /: +\d/.test(text));
  return new Map(
    found.map((text) => {
      const [number, ...words] = text
        .slice(text.indexOf(":") + 1)
        .trim()
        .split(/ +/);
      return [Number(number), words] as const;
    }),
  );
}

function recordedElTorito({ elTorito }: RecordedIsoBoot) {
  const paths = rows(elTorito, "El Torito img path");
  const blocks = rows(elTorito, "El Torito img blks");
  const options = rows(elTorito, "El Torito img opts");
  return {
    catalog: reported(elTorito, "El Torito cat path"),
    entries: [...rows(elTorito, "El Torito boot img")].map(
      ([i, [platform, bootable, emulation, segment, type, load]]) => ({
        ...{ platform, bootable, emulation, segment, type, load },
        image: paths.get(i)?.join(" ") ?? `${blocks.get(i)?.[0]} blocks`,
        options: options.get(i) ?? [],
      }),
    ),
  };
}

/** Everything in an image of ours that these comparisons look at. */
export interface OwnIso {
  readonly image: Recipe;
  readonly blobs: BlobReader;
  readonly files: readonly IsoFound[];
  readonly catalog: Awaited<ReturnType<typeof readBootCatalog>>;
  readonly slots: readonly FoundSlot[];
  readonly mbr: Buffer;
  readonly gpt?: OwnGpt;
}

/** Reads what firmware reads. */
export async function readOwnIso(image: Recipe, blobs: BlobReader, files: readonly IsoFound[]): Promise<OwnIso> {
  const disk = new DiskReader(image, blobs, SECTOR);
  const mbr = Buffer.from(await disk.mbr());
  const slots = mbrSlots(mbr);
  const common = { image, blobs, files, mbr, slots, catalog: await readBootCatalog(image, blobs) };
  if (slots[0]?.type !== TYPE_PROTECTIVE) return common;
  const header = await disk.header(1);
  const backup = await disk.header(image.size / SECTOR - 1);
  return { ...common, gpt: { header, backup, partitions: disk.partitions(header) } };
}

/** The EFI system partition as the partition table has it, in sectors. */
export function espOf({
  slots,
  gpt,
}: OwnIso): { readonly where: string; readonly firstLba: number; readonly sectors: number } | undefined {
  const entry = gpt?.partitions.find(({ type }) => type === GUID_ESP);
  if (entry) {
    const { index, firstLba, lastLba } = entry;
    return { where: `gpt ${index}`, firstLba, sectors: lastLba - firstLba + 1 };
  }
  const slot = slots.find(({ type }) => type === TYPE_ESP);
  return slot && { where: `mbr ${slot.slot}`, firstLba: slot.startLba, sectors: slot.sectors };
}

const hex = (value: number, digits = 1): string => `0x${value.toString(16).padStart(digits, "0")}`;

async function ownEntry(entry: FoundBootEntry, iso: OwnIso) {
  const { platform, bootable, emulation, loadSegment, systemType, loadSectors, block } = entry;
  const file = iso.files.find(({ sections }) => sections[0]!.block === block && sections[0]!.bytes > 0);
  const esp = espOf(iso);
  const appended =
    esp?.firstLba === block * SECTORS_PER_BLOCK ? `${esp.sectors / SECTORS_PER_BLOCK} blocks` : undefined;
  const bytes =
    file && platform === 0 ? await read(iso.image, iso.blobs, block * BLOCK, file.sections[0]!.bytes) : undefined;
  return {
    platform: { 0: "BIOS", 239: "UEFI" }[platform] ?? hex(platform),
    bootable: bootable ? "y" : "n",
    emulation: emulation === 0 ? "none" : hex(emulation),
    segment: hex(loadSegment, 4),
    type: hex(systemType, 2),
    load: String(loadSectors),
    image: file?.path ?? appended,
    options: bytes ? bootImageTables(bytes, block) : [],
  };
}

/** The boot sector without GRUB's code. */
function bootCode(mbr: Buffer, biosBlock: number | undefined) {
  const isEmpty = mbr.subarray(0, SIGNATURE).every((byte) => byte === 0);
  return {
    // Counted from the El Torito image's first sector.
    next: isEmpty ? "no code" : Number(mbr.readBigUInt64LE(POINTER)) - (biosBlock ?? Number.NaN) * SECTORS_PER_BLOCK,
    signature: mbr.toString("hex", SIGNATURE, 446),
  };
}

/** What xorriso would say of the system area. */
function summary(iso: OwnIso, next: number | string): string {
  const { slots, gpt, image } = iso;
  const aligned = slots.every(({ startLba, sectors }) => (startLba + sectors) % CYLINDER === 0);
  const words = [
    "MBR",
    slots.length === 1 && gpt && slots[0]!.sectors === image.size / SECTOR - 1 ? "protective-msdos-label" : "",
    next === SECTORS_PER_BLOCK ? "grub2-mbr" : "",
    !gpt && aligned ? "cyl-align-all" : "cyl-align-off",
    gpt ? "GPT" : "",
  ];
  return words.filter((word) => word !== "").join(" ");
}

/** Directories, path tables and descriptors stand in front of everything else. */
const METADATA = 8 * MiB;

/** The file system as it is seen from a block on. */
export async function readView(image: Recipe, blobs: BlobReader, base: number): Promise<IsoReader> {
  const at = base * BLOCK;
  return new IsoReader(await read(image, blobs, at, Math.min(METADATA, image.size - at)));
}

/** Block from which the same files are seen at the same places, as partition 1 shows them. */
const PARTITION_OFFSET = 16;

async function partitionOffset({ image, blobs, files }: OwnIso): Promise<number> {
  const view = await readView(image, blobs, PARTITION_OFFSET);
  if (view.volume.identifier !== "CD001") return 0;
  const places = (found: Iterable<IsoFound>, base: number): readonly string[] =>
    Array.from(found, ({ path, mode, sections }) => {
      const isDirectory = (mode & 0o170000) === 0o040000;
      return `${path} ${mode} ${isDirectory ? "" : sections.map(({ block }) => block + base).join()}`;
    });
  assert.deepEqual(places(view.walk(), PARTITION_OFFSET), places(files, 0));
  return PARTITION_OFFSET;
}

/** How a recorded image boots and how ours does. */
export async function compareIsoBoot(recorded: RecordedIsoBoot, iso: OwnIso) {
  const { totalBytes, systemArea, mbrPartitions } = recorded;
  const apple = APPLE_SUMMARY.test(reported(systemArea, "System area summary") ?? "");
  const recordedTorito = recordedElTorito(recorded);
  const biosOf = (lines: readonly string[]): number | undefined => {
    const row = [...rows(lines, "El Torito boot img").values()].find(([platform]) => platform === "BIOS");
    return row && Number(row.at(-1));
  };
  const catalog = iso.files.find(({ sections }) => sections[0]!.block === iso.catalog.block);
  const ownCode = bootCode(iso.mbr, iso.catalog.entries.find(({ platform }) => platform === 0)?.block);
  const entries = await Promise.all(iso.catalog.entries.map((entry) => ownEntry(entry, iso)));
  const slots = mbrPartitions.map((slot) => ({ ...slot, status: Number(slot.status), type: Number(slot.type) }));
  return {
    recorded: {
      elTorito: recordedTorito,
      summary: reported(systemArea, "System area summary")?.replace(APPLE_SUMMARY, ""),
      partitionOffset: Number(reported(systemArea, "Partition offset")),
      bootCode: bootCode(Buffer.from(recorded.mbrHex, "hex"), biosOf(recorded.elTorito)),
      slots: slotFields(slots, totalBytes / SECTOR),
      gpt: recordedGpt(recorded.gpt, totalBytes / SECTOR, apple),
    },
    ours: {
      elTorito: { catalog: catalog?.path, entries },
      summary: summary(iso, ownCode.next),
      partitionOffset: await partitionOffset(iso),
      bootCode: ownCode,
      slots: slotFields(iso.slots, iso.image.size / SECTOR),
      gpt: ownGpt(iso.gpt, iso.image.size / SECTOR, apple),
    },
  };
}
