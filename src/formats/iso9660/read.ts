import { MiB } from "../../bytes/align.ts";
import { joined, malformed, type RandomAccess, readPart, readRecord } from "../../bytes/random-access.ts";
import {
  BLOCK_BYTES,
  bootEntry,
  bootRecord,
  DESCRIPTOR_BLOCK,
  directoryRecord,
  FLAG_DIRECTORY,
  FLAG_MORE_SECTIONS,
  primaryDescriptor,
  SECTION_LAST,
  SECTION_MORE,
  sectionHeader,
  useCe,
  useNm,
  validationEntry,
} from "./layout.ts";

/** A file; `path` without a leading slash. */
export interface FoundFile {
  readonly path: string;
  readonly content: RandomAccess;
}

/** What firmware starts from a CD. */
export interface FoundBoot {
  readonly platform: number;
  /** Byte offset, and what the catalog says it is long in sectors of 512 bytes. */
  readonly offset: number;
  readonly sectors: number;
}

export interface FoundIso {
  readonly volumeId: string;
  readonly boots: readonly FoundBoot[];
  readonly files: readonly FoundFile[];
}

const MAX_DESCRIPTORS = 16;
const MAX_DIRECTORY_BYTES = 4 * MiB;
const MAX_FILES = 65536;
const MAX_DEPTH = 32;
const MAX_CONTINUATIONS = 8;
const TYPE_BOOT = 0;
const TYPE_PRIMARY = 1;
const TYPE_END = 255;
const MARK = "CD001";

/** The type and mark every volume descriptor starts with (ECMA-119, 8.1). */
const HEAD_BYTES = 6;

/** True for an image with a volume descriptor where the first one stands. */
export async function looksLikeIso(source: RandomAccess): Promise<boolean> {
  const at = DESCRIPTOR_BLOCK * BLOCK_BYTES;
  if (source.size < at + BLOCK_BYTES) return false;
  const [, ...mark] = await source.read(at, HEAD_BYTES);
  return String.fromCharCode(...mark) === MARK;
}

/**
 * The volume, what starts from it, and its files by their Rock Ridge names, in record order, depth-first; links are
 * files without content. Throws `image_malformed`, also for more than 65536 files.
 */
export async function readIso(source: RandomAccess): Promise<FoundIso> {
  let volume: ReturnType<typeof primaryDescriptor.decode> | undefined;
  let boots: readonly FoundBoot[] = [];
  for (let i = 0; i < MAX_DESCRIPTORS; i++) {
    const at = (DESCRIPTOR_BLOCK + i) * BLOCK_BYTES;
    const [type] = await readPart(source, at, HEAD_BYTES, "iso9660 volume descriptor");
    if (type === TYPE_END) break;
    if (type === TYPE_PRIMARY) volume ??= await readRecord(source, at, primaryDescriptor);
    if (type === TYPE_BOOT) boots = await readCatalog(source, at);
  }
  if (!volume) throw malformed("iso9660: no primary volume descriptor");
  const found: Walk = { files: [], entries: 0 };
  const root = directoryRecord.decode(volume.root);
  await walk(source, root.extentBlock, root.dataBytes, "", 0, found);
  return { volumeId: volume.volumeId, boots, files: found.files };
}

async function readCatalog(source: RandomAccess, at: number): Promise<readonly FoundBoot[]> {
  const { catalogBlock } = await readRecord(source, at, bootRecord);
  const catalog = await readPart(source, catalogBlock * BLOCK_BYTES, BLOCK_BYTES, "el torito catalog");
  const entry = (from: number, platform: number): FoundBoot => {
    const { block, loadSectors } = bootEntry.decode(catalog, from);
    return { platform, offset: block * BLOCK_BYTES, sectors: loadSectors };
  };
  const boots = [entry(validationEntry.size, validationEntry.decode(catalog).platform)];
  for (let from = 2 * validationEntry.size; from + sectionHeader.size <= catalog.length; ) {
    const { indicator, platform, entries } = sectionHeader.decode(catalog, from);
    if (indicator !== SECTION_MORE && indicator !== SECTION_LAST) break;
    from += sectionHeader.size;
    for (let i = 0; i < entries && from + bootEntry.size <= catalog.length; i++, from += bootEntry.size) {
      boots.push(entry(from, platform));
    }
    if (indicator === SECTION_LAST) break;
  }
  return boots;
}

/** What a walk has come upon so far; directories may be made to hold each other. */
interface Walk {
  readonly files: FoundFile[];
  entries: number;
}

interface Found {
  readonly identifier: string;
  /** The system use area of the first record. */
  readonly use: Uint8Array;
  readonly directory: boolean;
  readonly runs: { readonly offset: number; readonly length: number }[];
}

async function walk(
  source: RandomAccess,
  block: number,
  size: number,
  folder: string,
  depth: number,
  found: Walk,
): Promise<void> {
  if (depth > MAX_DEPTH) throw malformed(`iso9660: ${folder}: too deep`);
  if (size > MAX_DIRECTORY_BYTES) throw malformed(`iso9660: ${folder || "/"}: a directory of ${size} bytes`);
  const bytes = await readPart(source, block * BLOCK_BYTES, size, `iso9660 directory ${folder || "/"}`);
  for (const { identifier, use, directory, runs } of records(bytes)) {
    if (++found.entries > MAX_FILES) throw malformed(`iso9660: more than ${MAX_FILES} files and directories`);
    const path = folder + ((await rockRidgeName(source, use)) ?? plainName(identifier));
    const total = runs.reduce((sum, { length }) => sum + length, 0);
    if (directory) await walk(source, runs[0]!.offset / BLOCK_BYTES, total, `${path}/`, depth + 1, found);
    else found.files.push({ path, content: joined(source, runs, total) });
  }
}

/** The records of a directory but its own and its parent's; the sections of a file are one. */
function* records(bytes: Uint8Array): Generator<Found> {
  let open: Found | undefined;
  for (let at = 0; at + directoryRecord.size < bytes.length; ) {
    const { recordBytes, extentBlock, dataBytes, flags, identifierBytes } = directoryRecord.decode(bytes, at);
    if (recordBytes === 0) {
      at = (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES;
      continue;
    }
    const head = directoryRecord.size + identifierBytes;
    if (recordBytes < head || at + recordBytes > bytes.length) throw malformed("iso9660: a directory record is cut");
    const identifier = Buffer.from(bytes.subarray(at + directoryRecord.size, at + head)).toString("latin1");
    const use = bytes.subarray(at + head + ((identifierBytes + 1) % 2), at + recordBytes);
    at += recordBytes;
    if (identifier === "\0" || identifier === "\x01") continue;
    const run = { offset: extentBlock * BLOCK_BYTES, length: dataBytes };
    if (open) open.runs.push(run);
    else open = { identifier, use, directory: (flags & FLAG_DIRECTORY) !== 0, runs: [run] };
    if (flags & FLAG_MORE_SECTIONS) continue;
    yield open;
    open = undefined;
  }
}

/** The name in NM entries, also where they go on in continuation areas (RRIP 1.10, 4.1.4; SUSP 1.10, 5.1). */
async function rockRidgeName(source: RandomAccess, first: Uint8Array): Promise<string | undefined> {
  const pieces: Uint8Array[] = [];
  let use: Uint8Array | undefined = first;
  for (let areas = 0; use && areas < MAX_CONTINUATIONS; areas++) {
    const area: Uint8Array = use;
    use = undefined;
    for (let at = 0; at + useNm.size - 1 <= area.length; ) {
      const [length, end] = [area[at + 2]!, at + area[at + 2]!];
      if (length < useNm.size - 1 || end > area.length) break;
      const signature = String.fromCharCode(area[at]!, area[at + 1]!);
      if (signature === "NM") pieces.push(area.subarray(at + useNm.size, end));
      if (signature === "CE" && length === useCe.size) {
        const { block, offset, bytes } = useCe.decode(area, at);
        if (bytes > BLOCK_BYTES) throw malformed(`iso9660: a continuation area of ${bytes} bytes`);
        use = await readPart(source, block * BLOCK_BYTES + offset, bytes, "iso9660 continuation area");
      }
      at = end;
    }
  }
  return pieces.length === 0 ? undefined : Buffer.concat(pieces).toString("utf8");
}

function plainName(identifier: string): string {
  return identifier.replace(/\.?;[0-9]+$/, "");
}
