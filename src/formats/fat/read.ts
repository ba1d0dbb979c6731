import { MiB } from "../../bytes/align.ts";
import { joined, malformed, type RandomAccess, type Run, readPart, readRecord } from "../../bytes/random-access.ts";
import {
  ATTRIBUTE_DIRECTORY,
  ATTRIBUTE_VOLUME_LABEL,
  bootSector32,
  FIRST_CLUSTER,
  LOWER_CASE_BASE,
  LOWER_CASE_EXTENSION,
  longSlot,
  SLOT_BYTES,
  shortSlot,
} from "./layout.ts";

/** A file of a volume; `path` without a leading slash. */
export interface FoundFile {
  readonly path: string;
  readonly content: RandomAccess;
}

export interface FoundVolume {
  readonly label: string;
  /** In directory order, depth-first. */
  readonly files: readonly FoundFile[];
}

const MAX_TABLE_BYTES = 64 * MiB;
const MAX_DIRECTORY_BYTES = 2 * MiB;
const MAX_FILES = 65536;
const MAX_DEPTH = 32;
const LONG_NAME = 0x0f;
const DELETED = 0xe5;
/** FAT spec 1.03, "FAT Type Determination". */
const MAX_CLUSTERS_12 = 4084;
const MAX_CLUSTERS_16 = 65524;

/** What a walk has come upon so far; directories may be made to hold each other. */
interface Walk {
  readonly files: FoundFile[];
  entries: number;
}

interface Volume {
  readonly source: RandomAccess;
  readonly label: string;
  readonly clusterBytes: number;
  /** Byte offset of cluster 2. */
  readonly dataAt: number;
  readonly clusters: number;
  readonly next: (cluster: number) => number;
  /** The first cluster of the root, or where it stands by itself. */
  readonly root: number | RandomAccess;
}

/** True for what starts like a FAT volume that is read here. */
export function looksLikeFat(head: Uint8Array): boolean {
  if (head.length < bootSector32.size) return false;
  const { signature, bytesPerSector, fats, jump } = bootSector32.decode(head);
  const jumps = jump?.[0] === 0xeb || jump?.[0] === 0xe9;
  return signature === 0xaa55 && jumps && [512, 1024, 2048, 4096].includes(bytesPerSector) && fats === 2;
}

/** The files of a FAT12 or FAT32 volume (FAT spec 1.03). Throws `image_malformed`, also for FAT16 and more than 65536 files. */
export async function readFat(source: RandomAccess): Promise<FoundVolume> {
  const volume = await openVolume(source);
  const found: Walk = { files: [], entries: 0 };
  const { root } = volume;
  const slots = typeof root === "number" ? chained(volume, root) : root;
  const label = await walk(volume, slots, "", 0, found);
  return { label: label ?? volume.label, files: found.files };
}

async function openVolume(source: RandomAccess): Promise<Volume> {
  const boot = await readRecord(source, 0, bootSector32);
  const { bytesPerSector, sectorsPerCluster, reservedSectors, rootEntries, totalSectors16, totalSectors32 } = boot;
  const tableSectors = boot.sectorsPerFat16 || boot.sectorsPerFat32;
  if (sectorsPerCluster === 0) throw malformed("fat: clusters of no sectors");
  const rootAt = (reservedSectors + 2 * tableSectors) * bytesPerSector;
  const dataAt = rootAt + rootEntries * SLOT_BYTES;
  const clusterBytes = sectorsPerCluster * bytesPerSector;
  const clusters = Math.floor(((totalSectors16 || totalSectors32) * bytesPerSector - dataAt) / clusterBytes);
  const wide = boot.sectorsPerFat16 === 0;
  if (!wide && clusters > MAX_CLUSTERS_12 && clusters <= MAX_CLUSTERS_16) throw malformed("fat: FAT16 is not read");
  if (tableSectors * bytesPerSector > MAX_TABLE_BYTES) throw malformed(`fat: a table of ${tableSectors} sectors`);
  const table = await readPart(source, reservedSectors * bytesPerSector, tableSectors * bytesPerSector, "fat table");
  return {
    source,
    label: wide ? boot.label : "",
    clusterBytes,
    dataAt,
    clusters,
    next: wide ? next32(table) : next12(table),
    root: wide
      ? (boot.rootCluster ?? FIRST_CLUSTER)
      : joined(source, [{ offset: rootAt, length: rootEntries * SLOT_BYTES }], rootEntries * SLOT_BYTES),
  };
}

function next32(table: Uint8Array): Volume["next"] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return (cluster) => (cluster * 4 + 4 > table.length ? 0 : view.getUint32(cluster * 4, true) & 0x0fffffff);
}

function next12(table: Uint8Array): Volume["next"] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return (cluster) => {
    const at = cluster + (cluster >> 1);
    if (at + 2 > table.length) return 0;
    const pair = view.getUint16(at, true);
    return cluster & 1 ? pair >> 4 : pair & 0xfff;
  };
}

/** What a chain of clusters holds. A chain has no more clusters than the volume: one that does goes in circles. */
function chained({ source, clusterBytes, dataAt, clusters, next }: Volume, first: number): RandomAccess {
  const runs: { offset: number; length: number }[] = [];
  let count = 0;
  for (let at = first; at >= FIRST_CLUSTER && at < clusters + FIRST_CLUSTER; at = next(at)) {
    if (++count > clusters) throw malformed("fat: a chain of clusters has no end");
    const offset = dataAt + (at - FIRST_CLUSTER) * clusterBytes;
    const last = runs.at(-1);
    if (last && last.offset + last.length === offset) last.length += clusterBytes;
    else runs.push({ offset, length: clusterBytes });
  }
  return joined(source, runs satisfies Run[], count * clusterBytes);
}

/** Adds the files of a directory and those below; gives the volume's label if it stands there. */
async function walk(
  volume: Volume,
  slots: RandomAccess,
  folder: string,
  depth: number,
  found: Walk,
): Promise<string | undefined> {
  if (depth > MAX_DEPTH) throw malformed(`fat: ${folder}: too deep`);
  if (slots.size > MAX_DIRECTORY_BYTES) throw malformed(`fat: ${folder || "/"}: a directory of ${slots.size} bytes`);
  const bytes = await slots.read(0, slots.size);
  let label: string | undefined;
  let long = "";
  for (let at = 0; at + SLOT_BYTES <= bytes.length && bytes[at] !== 0; at += SLOT_BYTES) {
    const { name, attributes, caseBits, clusterHigh, clusterLow, sizeBytes } = shortSlot.decode(bytes, at);
    if (attributes === LONG_NAME && bytes[at] !== DELETED) {
      const { units1, units2, units3 } = longSlot.decode(bytes, at);
      long = String.fromCharCode(...units1, ...units2, ...units3).replace(/\0.*$/su, "") + long;
      continue;
    }
    const path = folder + (long || visibleName(name, caseBits));
    long = "";
    if (bytes[at] === DELETED || name.startsWith(".")) continue;
    if (++found.entries > MAX_FILES) throw malformed(`fat: more than ${MAX_FILES} files and directories`);
    if (attributes & ATTRIBUTE_VOLUME_LABEL) label = name.trimEnd();
    else {
      const content = chained(volume, clusterHigh * 65536 + clusterLow);
      if (attributes & ATTRIBUTE_DIRECTORY) await walk(volume, content, `${path}/`, depth + 1, found);
      else found.files.push({ path, content: cut(content, sizeBytes, path) });
    }
  }
  return label;
}

function cut(content: RandomAccess, size: number, path: string): RandomAccess {
  if (size <= content.size) return { size, read: (offset, length) => content.read(offset, length) };
  throw malformed(`fat: ${path}: ${size} bytes in clusters for ${content.size}`);
}

function visibleName(short: string, caseBits: number): string {
  const lower = (text: string, bit: number): string => (caseBits & bit ? text.toLowerCase() : text);
  const base = lower(short.slice(0, 8).trimEnd(), LOWER_CASE_BASE);
  const extension = lower(short.slice(8).trimEnd(), LOWER_CASE_EXTENSION);
  return extension ? `${base}.${extension}` : base;
}
