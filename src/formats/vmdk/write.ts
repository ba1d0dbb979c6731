import { alignUp, GiB } from "../../bytes/align.ts";
import { concatBytes } from "../../bytes/text.ts";
import { type Extent, extentsIn, inline, type Placement, place, type Recipe, recipe } from "../../extents/index.ts";
import { descriptor } from "./descriptor.ts";
import {
  DESCRIPTOR_SECTOR,
  DESCRIPTOR_SECTORS,
  GRAIN_MARKER,
  GRAIN_SECTORS,
  HEADER,
  SECTOR_BYTES,
  STORED_HEAD,
  STORED_LAST,
  STORED_MAX,
  storedBlock,
  TABLE_ENTRY,
  TABLE_GRAINS,
  ZLIB_CHECK,
} from "./layout.ts";
import {
  GRAIN_BYTES,
  type GrainForm,
  type PackedGrains,
  VmdkError,
  type VmdkPart,
  vmdkParts,
  wholeSectors,
} from "./model.ts";

const TABLE_BYTES = TABLE_GRAINS * TABLE_ENTRY.size;
const TABLE_SECTORS = TABLE_BYTES / SECTOR_BYTES;
/** Tables name sectors by 32-bit numbers. */
const MAX_SECTORS = 2 ** 32;
/** Largest disk VMware knows: 62 TiB (vSphere configuration maximums). */
const MAX_DISK_BYTES = 62 * 1024 * GiB;

/** A grain that is written, by its number on the disk. */
interface Grain {
  readonly number: number;
  /** Bytes of its zlib stream. */
  readonly bytes: number;
  /** Marker and stream. */
  readonly extents: () => Iterable<Extent>;
}

/**
 * A raw disk as a stream-optimised VMDK image. `packed[i]` says how the grains of part i of `vmdkParts(disk)` are kept; `id`
 * is 32 hex digits that tell this disk from others.
 * Throws `vmdk_grains` when that does not describe the parts, `vmdk_too_large` for a disk above 62 TiB or an image above 2 TiB.
 */
export function vmdkImage(disk: Recipe, packed: readonly PackedGrains[], id: string): Recipe {
  if (disk.size > MAX_DISK_BYTES) {
    throw new VmdkError("vmdk_too_large", `disk of ${disk.size} bytes: a VMDK holds at most 62 TiB`);
  }
  const whole = wholeSectors(disk);
  const parts = vmdkParts(disk);
  if (packed.length !== parts.length) {
    throw new VmdkError("vmdk_grains", `packed: ${packed.length} are given for ${parts.length} parts`);
  }
  const grains = parts.flatMap((part, i) => grainsOf(part, packed[i]!, i)).sort((a, b) => a.number - b.number);
  const tables = Math.ceil(whole.size / GRAIN_BYTES / TABLE_GRAINS);
  const directory = DESCRIPTOR_SECTOR + DESCRIPTOR_SECTORS;
  const firstTable = directory + Math.ceil((tables * TABLE_ENTRY.size) / SECTOR_BYTES);
  const overhead = firstTable + tables * TABLE_SECTORS;
  const sectors = sectorsOf(grains, overhead);
  const capacity = whole.size / SECTOR_BYTES;
  const front: Placement[] = [
    at(0, HEADER.encode({ capacity, directory, overhead })),
    at(DESCRIPTOR_SECTOR, descriptor(capacity, id)),
    at(directory, table(Array.from({ length: tables }, (_, i) => [i, firstTable + i * TABLE_SECTORS]))),
    ...grainTables(grains, sectors).map(([i, bytes]) => at(firstTable + i * TABLE_SECTORS, bytes)),
  ];
  return recipe(extents(place(overhead * SECTOR_BYTES, front), grains));
}

function at(sector: number, bytes: Uint8Array): Placement {
  return { offset: sector * SECTOR_BYTES, content: inline(bytes) };
}

/** The grains of a part that are written. */
function grainsOf({ runs, content }: VmdkPart, { grains, packed }: PackedGrains, part: number): readonly Grain[] {
  const numbers = runs.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
  const used = grains.reduce((sum, form) => sum + (form.$case === "deflated" ? form.bytes : 0), 0);
  const size = packed?.size ?? 0;
  if (grains.length !== numbers.length || used !== size) {
    const text = `${grains.length} grains that take ${used} of ${size} bytes are given for ${numbers.length}`;
    throw new VmdkError("vmdk_grains", `packed[${part}]: ${text}`);
  }
  const written: Grain[] = [];
  let offset = 0;
  for (const [i, form] of grains.entries()) {
    const number = numbers[i]!;
    if (form.$case === "stored") written.push(stored(number, content, i * GRAIN_BYTES, form));
    else if (form.$case === "deflated") {
      written.push(deflated(number, { $case: "blob", digest: packed!.digest, offset, length: form.bytes }));
      offset += form.bytes;
    }
  }
  return written;
}

function deflated(number: number, stream: Extent & { $case: "blob" }): Grain {
  const marker = GRAIN_MARKER.encode({ sector: number * GRAIN_SECTORS, bytes: stream.length });
  return { number, bytes: stream.length, extents: () => [{ $case: "inline", bytes: marker }, stream] };
}

/** A grain at byte `at` of its part's content as a zlib stream of stored blocks. */
function stored(number: number, content: Recipe, at: number, form: GrainForm & { $case: "stored" }): Grain {
  const length = Math.min(GRAIN_BYTES, content.size - at);
  const first = Math.min(STORED_MAX, length);
  const rest = first < length ? STORED_LAST.size : 0;
  const bytes = STORED_HEAD.size - GRAIN_MARKER.size + first + rest + ZLIB_CHECK.size;
  return {
    number,
    bytes,
    *extents() {
      const marker = { sector: number * GRAIN_SECTORS, bytes };
      const head = STORED_HEAD.encode({ marker, block: storedBlock(first, rest === 0) });
      yield { $case: "inline", bytes: head };
      yield* extentsIn(content, at, first);
      const last =
        rest > 0 ? STORED_LAST.encode({ block: storedBlock(1, true), byte: form.lastByte }) : new Uint8Array();
      yield { $case: "inline", bytes: concatBytes(last, ZLIB_CHECK.encode(form)) };
    },
  };
}

/** Bytes of a grain with its marker, in whole sectors. */
function sizeOf({ bytes }: Grain): number {
  return alignUp(GRAIN_MARKER.size + bytes, SECTOR_BYTES);
}

/** The sector each grain begins at. */
function sectorsOf(grains: readonly Grain[], overhead: number): readonly number[] {
  let next = overhead;
  const sectors = grains.map((grain) => {
    const sector = next;
    next += sizeOf(grain) / SECTOR_BYTES;
    return sector;
  });
  if (next >= MAX_SECTORS)
    throw new VmdkError("vmdk_too_large", `image of ${next} sectors: a VMDK takes at most 2 TiB`);
  return sectors;
}

/** The tables with a grain in them, by their number. */
function grainTables(grains: readonly Grain[], sectors: readonly number[]): readonly (readonly [number, Uint8Array])[] {
  const entries = grains.map(({ number }, i) => ({
    of: Math.floor(number / TABLE_GRAINS),
    entry: [number % TABLE_GRAINS, sectors[i]!] as const,
  }));
  return [...Map.groupBy(entries, ({ of }) => of)].map(([of, used]) => [of, table(used.map(({ entry }) => entry))]);
}

/** A table with the given entries, zeros in those before and after that are not given. */
function table(entries: readonly (readonly [number, number])[]): Uint8Array {
  const last = entries.at(-1)?.[0] ?? -1;
  const bytes = new Uint8Array((last + 1) * TABLE_ENTRY.size);
  const view = new DataView(bytes.buffer);
  for (const [i, sector] of entries) TABLE_ENTRY.write(view, i * TABLE_ENTRY.size, sector);
  return bytes;
}

function* extents(front: Recipe, grains: readonly Grain[]): Generator<Extent> {
  yield* front.extents;
  for (const grain of grains) {
    yield* grain.extents();
    yield { $case: "inline", bytes: new Uint8Array(sizeOf(grain) - GRAIN_MARKER.size - grain.bytes) };
  }
  // The end-of-stream marker is a sector of zeros.
  yield { $case: "zeros", length: SECTOR_BYTES };
}
