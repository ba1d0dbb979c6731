import { concatBytes } from "../../bytes/text.ts";
import { inline, type Placement, place, type Recipe } from "../../extents/index.ts";
import { Allocator } from "./allocate.ts";
import { byteOffset, FEATURES, inodeNumber, LOG_GROUP, xfsGeometry } from "./geometry.ts";
import type { Group } from "./group.ts";
import { groupMetadata } from "./headers.ts";
import { encodeFreeInode, encodeInode, type Inode, type InodeContext } from "./inode.ts";
import { CHUNK_INODES, INODES_PER_BLOCK } from "./layout.ts";
import { checkFields, type XfsVolume } from "./model.ts";
import { cleanLog, superblocks } from "./superblock.ts";
import { TreeWriter } from "./tree.ts";

/**
 * An XFS file system with a tree in it, as a recipe of exactly `sizeBytes`, laid out as mkfs.xfs 7.2 does with a
 * protofile (outputs.md 2.9.3, 2.9.4). File bodies stay extents. Throws `XfsError`: fields, names and sizes XFS cannot
 * hold, and trees that do not fit.
 */
export function xfsVolume(volume: XfsVolume): Recipe {
  checkFields(volume);
  const { uuid, label, mtime, sizeBytes } = volume;
  const features = FEATURES[volume.features];
  const geometry = xfsGeometry(sizeBytes, volume.sectorSize ?? 512, features);
  const allocator = new Allocator(geometry);
  const tree = new TreeWriter(allocator, geometry, features, uuid);
  const inodes = tree.writeRoot(volume);
  const { groups } = allocator;

  const sum = (of: (group: Group) => number): number => groups.reduce((total, group) => total + of(group), 0);
  const counts = {
    inodes: sum((group) => group.inodes),
    freeInodes: sum((group) => group.freeInodes),
    // Blocks that trees have or may get count as free.
    freeBlocks: sum((group) => group.free.blocks + group.freeList.count + group.reverseLeaves.length),
  };
  const context = { uuid, mtime, features, geometry };
  const sectors = superblocks(geometry, features, { label, uuid, inodes }, counts);
  return place(sizeBytes, [
    ...sectors.map((bytes, group) => ({ offset: byteOffset(geometry, group, 0), content: inline(bytes) })),
    ...groups.flatMap((group) => groupMetadata(group, context)),
    ...chunkParts(groups, tree.inodes, context),
    { offset: byteOffset(geometry, LOG_GROUP, geometry.firstFree), content: inline(cleanLog(geometry, uuid)) },
    ...tree.parts,
  ]);
}

/** All chunks of inodes, whether these are in use or not. */
function chunkParts(groups: readonly Group[], inodes: readonly Inode[], context: InodeContext): readonly Placement[] {
  const { geometry, uuid } = context;
  const used = new Map(inodes.map((inode) => [inode.number, encodeInode(inode, context)]));
  return groups.flatMap((group) =>
    group.chunks.map(({ start }) => {
      const numbers = Array.from({ length: CHUNK_INODES }, (_, i) => inodeNumber(geometry, group.number, start + i));
      const bytes = numbers.map((number) => used.get(number) ?? encodeFreeInode(number, uuid));
      const offset = byteOffset(geometry, group.number, start / INODES_PER_BLOCK);
      return { offset, content: inline(concatBytes(...bytes)) };
    }),
  );
}
