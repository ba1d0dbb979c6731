import { concatBytes } from "../../bytes/text.ts";
import { inline, type Placement } from "../../extents/index.ts";
import { freeRecord, inodeRecord } from "./blocks.ts";
import { type GroupBlock, oneLeaf, reverseTree } from "./btree.ts";
import { byteOffset, type XfsFeatures, type XfsGeometry } from "./geometry.ts";
import type { Chunk, Group } from "./group.ts";
import { CHUNK_INODES, freeListHeader, freeSpaceHeader, inodeHeader, NULL32, NULL64, seal } from "./layout.ts";

/** What the headers of a group need to know of its volume. */
export interface GroupContext {
  readonly geometry: XfsGeometry;
  readonly features: XfsFeatures;
  readonly uuid: string;
}

function chunkRecord({ start, used }: Chunk) {
  return { start, free: CHUNK_INODES - used, freeMask: used === CHUNK_INODES ? 0n : (NULL64 << BigInt(used)) & NULL64 };
}

function trees(group: Group, context: GroupContext): readonly GroupBlock[] {
  const { geometry, features, uuid } = context;
  const { roots } = geometry;
  const place = { geometry, uuid, group: group.number };
  const chunks = group.chunks.toSorted((a, b) => a.start - b.start).map(chunkRecord);
  const withFree = chunks.filter(({ free }) => free > 0);
  return [
    oneLeaf(place, { block: roots.byBlock, magic: "AB3B" }, freeRecord, group.free.extents),
    oneLeaf(place, { block: roots.bySize, magic: "AB3C" }, freeRecord, group.free.bySize()),
    oneLeaf(place, { block: roots.inodes, magic: "IAB3" }, inodeRecord, chunks),
    oneLeaf(place, { block: roots.freeInodes, magic: "FIB3" }, inodeRecord, withFree),
    oneLeaf(place, { block: roots.references, magic: "R3FC" }, freeRecord, []),
    ...(features.reverseMap ? reverseTree(place, roots.reverse, group.reverseLeaves, group.mappings) : []),
  ];
}

function freeSpaceSector(group: Group, { geometry, features, uuid }: GroupContext): Uint8Array {
  const { roots } = geometry;
  const { free, freeList } = group;
  const leaves = group.reverseLeaves.length;
  const header = freeSpaceHeader.encode({
    group: group.number,
    blocks: group.blocks,
    byBlockRoot: roots.byBlock,
    bySizeRoot: roots.bySize,
    reverseRoot: roots.reverse,
    reverseLevels: !features.reverseMap ? 0 : leaves > 0 ? 2 : 1,
    listLast: freeList.count,
    listCount: freeList.count,
    freeBlocks: free.blocks,
    longest: free.longest,
    treeBlocks: leaves,
    uuid,
    reverseBlocks: features.reverseMap ? 1 + leaves : 0,
    referenceRoot: roots.references,
  });
  return sector(header, geometry, freeSpaceHeader.offsets.checksum);
}

function inodeSector(group: Group, { geometry, uuid }: GroupContext): Uint8Array {
  const header = inodeHeader.encode({
    group: group.number,
    blocks: group.blocks,
    inodes: group.inodes,
    root: geometry.roots.inodes,
    freeInodes: group.freeInodes,
    newestChunk: group.chunks.at(-1)?.start ?? NULL32,
    uuid,
    freeRoot: geometry.roots.freeInodes,
    treeBlocks: 1,
    freeTreeBlocks: 1,
  });
  return sector(header, geometry, inodeHeader.offsets.checksum);
}

/** The blocks kept for growing trees stand from the second slot on; all others are empty (outputs.md 2.9.4). */
function freeListSector({ number, freeList }: Group, { geometry, uuid }: GroupContext): Uint8Array {
  const bytes = new Uint8Array(geometry.sectorBytes).fill(0xff, freeListHeader.size);
  const view = new DataView(bytes.buffer);
  freeListHeader.write(view, 0, { group: number, uuid });
  for (let i = 0; i < freeList.count; i++) view.setUint32(freeListHeader.size + (i + 1) * 4, freeList.start + i);
  return seal(bytes, freeListHeader.offsets.checksum);
}

function sector(header: Uint8Array, { sectorBytes }: XfsGeometry, checksumAt: number): Uint8Array {
  return seal(concatBytes(header, new Uint8Array(sectorBytes - header.length)), checksumAt);
}

/** Headers and trees of a group; its superblock stands before them. Throws `too_fragmented`. */
export function groupMetadata(group: Group, context: GroupContext): readonly Placement[] {
  const { geometry } = context;
  const sectors = [freeSpaceSector(group, context), inodeSector(group, context), freeListSector(group, context)];
  const start = byteOffset(geometry, group.number, 0) + geometry.sectorBytes;
  return [
    { offset: start, content: inline(concatBytes(...sectors)) },
    ...trees(group, context).map(({ block, bytes }) => ({
      offset: byteOffset(geometry, group.number, block),
      content: inline(bytes),
    })),
  ];
}
