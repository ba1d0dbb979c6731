import { alignUp } from "../../bytes/align.ts";
import { malformed, type RandomAccess, readPart, readRecord } from "../../bytes/random-access.ts";
import { ascii, struct, u32le, u64le, zeros } from "../../bytes/struct.ts";
import { GRAIN_MARKER, SECTOR_BYTES } from "./layout.ts";

/** The header as far as it is needed; where the grain directory stands may be left to the end of the image. */
const HEAD = struct(
  { name: "vmdk header", size: 72 },
  {
    magic: ascii(4),
    version: u32le,
    flags: u32le,
    capacity: u64le,
    grainSectors: u64le,
    descriptor: zeros(16),
    tableGrains: u32le,
    directories: zeros(16),
    overhead: u64le,
  },
);
/** Compressed grains, each behind a marker ("Stream-Optimized Compressed Sparse Extents"). */
const STREAM_FLAGS = 0x30000;
const MAX_GRAIN_SECTORS = 2048;
const MAX_GRAINS = 4_000_000;
const KEPT_GRAINS = 64;
/** Of markers that are not of grains: their size field is 0, and a type follows; 0 ends the stream. */
const TYPE_END = 0;

interface Grain {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * The disk in a stream-optimized VMDK (VMware Virtual Disk Format 1.1), undefined for one of another kind. `inflate` unpacks
 * a zlib stream to at most so many bytes. Throws `image_malformed`.
 */
export async function openVmdk(
  source: RandomAccess,
  inflate: (bytes: Uint8Array, limit: number) => Uint8Array,
): Promise<RandomAccess | undefined> {
  const { flags, capacity, grainSectors, overhead } = await readRecord(source, 0, HEAD);
  if ((flags & STREAM_FLAGS) !== STREAM_FLAGS) return undefined;
  if (grainSectors < 1 || grainSectors > MAX_GRAIN_SECTORS) throw malformed(`vmdk: grains of ${grainSectors} sectors`);
  const grains = await readMarkers(source, overhead * SECTOR_BYTES);
  const grainBytes = grainSectors * SECTOR_BYTES;
  const kept = new Map<number, Uint8Array>();
  const grain = async (sector: number): Promise<Uint8Array | undefined> => {
    const found = grains.get(sector);
    const known = kept.get(sector);
    if (!found || known) return known;
    const packed = await readPart(source, found.offset, found.bytes, "vmdk grain");
    let content: Uint8Array;
    try {
      content = inflate(packed, grainBytes);
    } catch (cause) {
      throw malformed(`vmdk: the grain of sector ${sector} does not unpack`, cause);
    }
    if (kept.size >= KEPT_GRAINS) kept.clear();
    kept.set(sector, content);
    return content;
  };
  return {
    size: capacity * SECTOR_BYTES,
    async read(offset, length) {
      const out = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const inside = (offset + done) % grainBytes;
        const count = Math.min(grainBytes - inside, length - done);
        const content = await grain((offset + done - inside) / SECTOR_BYTES);
        if (content) out.set(content.subarray(inside, inside + count), done);
        done += count;
      }
      return out;
    },
  };
}

/** Where the grains stand, by the sectors they are for. */
async function readMarkers(source: RandomAccess, from: number): Promise<ReadonlyMap<number, Grain>> {
  const grains = new Map<number, Grain>();
  for (let at = from; at + SECTOR_BYTES <= source.size; ) {
    const { sector, bytes } = await readRecord(source, at, GRAIN_MARKER);
    if (bytes > 0) {
      const offset = at + GRAIN_MARKER.size;
      grains.set(sector, { offset, bytes });
      if (grains.size > MAX_GRAINS) throw malformed(`vmdk: more than ${MAX_GRAINS} grains`);
      at = alignUp(offset + bytes, SECTOR_BYTES);
      continue;
    }
    const type = new DataView((await source.read(at + GRAIN_MARKER.size, u32le.size)).slice().buffer).getUint32(
      0,
      true,
    );
    if (type === TYPE_END) break;
    // Here the first field says how many sectors follow.
    at += (1 + sector) * SECTOR_BYTES;
  }
  return grains;
}
