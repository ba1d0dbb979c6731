import { MiB } from "../../bytes/align.ts";
import { type Arrangement, arrange, contentBlocks, journalChoices } from "./arrange.ts";
import { ext4Geometry, SMALL_VOLUME_BYTES } from "./geometry.ts";
import { type Ext4Contents, Ext4Error, MAX_VOLUME_BYTES, MIN_VOLUME_BYTES } from "./model.ts";
import { LOST_FOUND, listNodes, type Node } from "./tree.ts";

/** Where the nodes lie in a volume of `sizeBytes`, with the best journal that leaves them room; undefined without room. */
export function plan(sizeBytes: number, sectorSize: number, nodes: readonly Node[]): Arrangement | undefined {
  const geometry = ext4Geometry(sizeBytes, sectorSize, usableInodes(nodes));
  if (!geometry) return undefined;
  const blocks = contentBlocks(nodes, geometry.blockSize);
  for (const journalBlocks of journalChoices(geometry.blocks)) {
    const arrangement = arrange(geometry, blocks, journalBlocks);
    if (arrangement) return arrangement;
  }
  return undefined;
}

/** Inodes besides the reserved ones and `lost+found`. */
function usableInodes(nodes: readonly Node[]): number {
  return nodes.length - 1 - LOST_FOUND;
}

/** Sizes in MiB within which a larger volume holds more, first and last: mke2fs divides small volumes otherwise. */
const SIZE_CLASSES: readonly (readonly [number, number])[] = [
  [MIN_VOLUME_BYTES / MiB, SMALL_VOLUME_BYTES / MiB - 1],
  [SMALL_VOLUME_BYTES / MiB, MAX_VOLUME_BYTES / MiB],
];

/** The smallest number from `first` to `last` that fits, if each larger one does too. Tries few that are much too large. */
function smallest(first: number, last: number, fits: (value: number) => boolean): number | undefined {
  let low = first;
  let high = first;
  while (!fits(high)) {
    if (high === last) return undefined;
    low = high + 1;
    high = Math.min(2 * high, last);
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The smallest volume for `nodes` from `atLeast` bytes on; see `ext4MinimumBytes`. */
export function minimumBytes(nodes: readonly Node[], sectorSize: number, atLeast: number): number {
  for (const [classFirst, last] of SIZE_CLASSES) {
    const first = Math.max(classFirst, Math.ceil(atLeast / MiB));
    if (first > last) continue;
    let blocks: readonly number[] | undefined;
    const mib = smallest(first, last, (tried) => {
      const geometry = ext4Geometry(tried * MiB, sectorSize, usableInodes(nodes));
      if (!geometry) return false;
      blocks ??= contentBlocks(nodes, geometry.blockSize);
      return arrange(geometry, blocks, 0) !== undefined;
    });
    if (mib !== undefined) return mib * MiB;
  }
  throw new Ext4Error("no_space", `ext4: the tree does not fit into ${MAX_VOLUME_BYTES} bytes`);
}

/**
 * The smallest size in bytes, a multiple of 1 MiB and not below `atLeast`, of a volume that holds a tree; it may have
 * no journal. A volume of 512 MiB or a little more can hold less than a smaller one, as its blocks are larger: that is
 * what `atLeast` is for. Throws what `ext4Volume` throws for the tree itself.
 */
export function ext4MinimumBytes({ tree, sectorSize = 512 }: Ext4Contents, atLeast = 0): number {
  return minimumBytes(listNodes(tree), sectorSize, atLeast);
}
