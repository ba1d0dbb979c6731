import { read, slice } from "../../../src/extents/index.ts";
import type { IsoFound, IsoReader } from "../../support/iso-reader.ts";
import { artifacts, type Made, type RecordedRun } from "../artifacts.ts";
import { comparable, compareTree, modeText, type RecordedContent, recordedContent } from "../content.ts";
import type { Comparison } from "../family.ts";
import { compareFat, type RecordedFat } from "../fat.ts";
import { compareIsoBoot, espOf, type OwnIso, type RecordedIsoBoot, readOwnIso, readView } from "../isoboot.ts";
import { compareProgram, keepsInitramfs } from "../programs.ts";

interface RecordedEntry extends RecordedContent {
  readonly path: string;
  /** As `ls -l` shows it, but for `e`, the boot catalog. */
  readonly mode: string;
  readonly dir?: boolean;
}

interface RecordedIso extends RecordedIsoBoot {
  readonly pvd: Readonly<Record<string, unknown>>;
  /** Of every entry, in seconds since 1970. */
  readonly allMtime?: number | string;
  readonly tree: readonly RecordedEntry[];
  readonly efiImages: readonly (RecordedFat & {
    readonly where: string;
    readonly offset: number;
    readonly sha256: string;
  })[];
}

export interface IsoRun extends RecordedRun {
  readonly iso: RecordedIso;
  readonly env: { readonly SOURCE_DATE_EPOCH?: string };
}

const BLOCK = 2048;

/**
 * What grub-mkrescue leaves for Macs of before UEFI 2 (outputs.md 3.5, end: may be left out); the partition map that belongs
 * to it is left out in `isotables.ts`.
 */
const APPLE = /^\/(System|mach_kernel)(\/|$)/;
/** Modules, fonts and catalogs of another GRUB. */
const GRUB_FILES = /^\/boot\/grub\/[^/]+\/./;
/** GRUB's EFI programs are in it. */
const FLOPPY = "/efi.img";
const INITRAMFS = "/boot/initramfs.xz";
const UKI = /^\/EFI\/Linux\/[^/]+\.efi$/;
const CATALOG = "e";

function isCompared({ path }: { readonly path: string }): boolean {
  return !APPLE.test(path) && !GRUB_FILES.test(path);
}

/** What of a file's content is the same in ours. UKIs are compared by their sections. */
function gatingContent(entry: RecordedEntry, made: Made): RecordedContent {
  const { path, mode, size = 0 } = entry;
  if (entry.dir || UKI.test(path) || (path === INITRAMFS && !keepsInitramfs(made))) return {};
  // The catalog holds block numbers.
  return mode.startsWith(CATALOG) || path === FLOPPY ? { size } : recordedContent(entry);
}

/** All bytes of a file; its sections follow each other. */
async function bytesOf({ sections }: IsoFound, { image, blobs }: OwnIso): Promise<Uint8Array> {
  const bytes = sections.reduce((sum, section) => sum + section.bytes, 0);
  return await read(image, blobs, sections[0]!.block * BLOCK, bytes);
}

async function compareFiles(tree: readonly RecordedEntry[], iso: OwnIso, made: Made) {
  const recorded = tree.filter(isCompared).map((entry) => {
    return { path: entry.path, fields: { mode: entry.mode }, content: gatingContent(entry, made) };
  });
  const hasContent = new Map(recorded.map(({ path, content }) => [path, Object.keys(content).length > 0]));
  const ours = iso.files.filter(isCompared).map(async (file) => {
    const isCatalog = file.sections[0]!.block === iso.catalog.block;
    const mode = modeText(file.mode).replace(/^-/, isCatalog ? CATALOG : "-");
    const bytes = hasContent.get(file.path) ? await bytesOf(file, iso) : undefined;
    return { path: file.path, fields: { mode }, bytes };
  });
  return compareTree(recorded, await Promise.all(ours));
}

/** The volume descriptor by the names of the recording. */
function ownVolume({ volume }: IsoReader) {
  const date = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 16)).toString("latin1");
  return {
    systemId: volume.systemId,
    volumeId: volume.volumeId,
    volumeSetId: volume.volumeSetId,
    publisher: volume.publisherId,
    application: volume.applicationId,
    copyright: volume.copyrightFile,
    abstract: volume.abstractFile,
    biblio: volume.bibliographicFile,
    created: date(volume.created),
    modified: date(volume.modified),
    expires: date(volume.expires),
    effective: date(volume.effective),
    createdTz: volume.created[16],
    modifiedTz: volume.modified[16],
  };
}

/** Without the time of the run, where the reference was not told one; the serial number of a floppy comes from it. */
function timeless({ iso, env }: IsoRun): RecordedIso {
  if (env.SOURCE_DATE_EPOCH !== undefined) return iso;
  const varies = "VARIES";
  return {
    ...iso,
    pvd: { ...iso.pvd, created: varies, modified: varies },
    allMtime: varies,
    efiImages: iso.efiImages.map((image) => ({
      ...image,
      ...(image.kind === "FAT12" ? { volumeId: varies } : {}),
      tree: image.tree.map((entry) =>
        entry.path === undefined ? entry : { ...entry, mtime: varies, ctime: varies, adate: varies },
      ),
    })),
  };
}

/** Seconds since 1970, if all entries have one time. */
function commonTime(files: readonly IsoFound[]): number | undefined {
  const times = new Set(
    files.map(({ time: [year = 0, month = 0, ...rest] }) => {
      const [day, hours, minutes, seconds] = rest;
      return Date.UTC(1900 + year, month - 1, day, hours, minutes, seconds) / 1000;
    }),
  );
  return times.size === 1 ? [...times][0] : undefined;
}

async function compareEfiImage(item: IsoRun, iso: OwnIso, made: Made, recorded: RecordedIso) {
  const [image] = recorded.efiImages;
  const esp = espOf(iso);
  if (!image || !esp) return { recorded: image?.where, ours: esp?.where };
  const { where, offset: _, sha256: __, ...volume } = image;
  const own = slice(iso.image, esp.firstLba * 512, esp.sectors * 512);
  const fat = await compareFat(volume, own, item, made);
  return { recorded: { where, volume: fat.recorded }, ours: { where: esp.where, volume: fat.ours } };
}

/** Programs of the EFI image that stand in the tree too. */
async function comparePrograms(item: IsoRun, iso: OwnIso, made: Made) {
  const recorded: Record<string, unknown> = {};
  const ours: Record<string, unknown> = {};
  const programs = Object.entries(item.iso.efiImages[0]?.efiFiles ?? {});
  for (const [path, program] of programs.filter(([name]) => item.iso.tree.some((entry) => entry.path === name))) {
    const file = iso.files.find((found) => found.path === path);
    const pair = await compareProgram(program, file ? await bytesOf(file, iso) : new Uint8Array(), item, made);
    recorded[path] = pair.recorded;
    ours[path] = pair.ours;
  }
  return { recorded, ours };
}

/** A recorded ISO and one of ours, both as far as they can be compared. */
export async function compareIso(item: IsoRun, made: Made): Promise<Comparison> {
  const recorded = timeless(item);
  const { volumeBlocks: _, preparer: __, ...pvd } = recorded.pvd;
  const { image, imager } = made;
  const view = await readView(image, imager.blobs, 0);
  const iso = await readOwnIso(image, imager.blobs, [...view.walk()]);
  const boot = await compareIsoBoot(recorded, iso);
  const tree = await compareFiles(recorded.tree, iso, made);
  const programs = await comparePrograms(item, iso, made);
  const efi = await compareEfiImage(item, iso, made, recorded);
  return comparable(
    {
      pvd,
      time: recorded.allMtime,
      boot: boot.recorded,
      tree: tree.recorded,
      programs: programs.recorded,
      efi: efi.recorded,
    },
    {
      pvd: ownVolume(view),
      time: commonTime(iso.files),
      boot: boot.ours,
      tree: tree.ours,
      programs: programs.ours,
      efi: efi.ours,
    },
  );
}

export const iso = artifacts<IsoRun>("iso", compareIso);
