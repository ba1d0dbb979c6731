import { alignUp } from "../../bytes/align.ts";
import { type IsoView, type PlannedDirectory, planDirectory } from "./directory.ts";
import { BLOCK_BYTES, DESCRIPTOR_BLOCK } from "./layout.ts";
import { IsoError, type IsoImage } from "./model.ts";
import { pathTableBytes } from "./pathtable.ts";
import { filesOf, type IsoDirectory, type IsoFile, type IsoNode, type NumberedDirectory, pathOrder } from "./tree.ts";

/** Partition 1 begins at this block and has descriptors of its own (`-partition_offset 16`, outputs.md 3.5). */
const PARTITION_BLOCK = 16;
/** Primary descriptor, boot record and terminator; the partition's set has no boot record. */
const PARTITION_DESCRIPTORS = 2;
/** Cylinder of 64 heads and 32 sectors: partitions begin and end at whole MiB (outputs.md 3.5). */
const CYLINDER_BLOCKS = (64 * 32 * 512) / BLOCK_BYTES;
/** Zero blocks at the end of the image (outputs.md 3.5). */
const PADDING_BLOCKS = 150;

/** One of the two ways into the file system: of the whole image, and of partition 1. */
export interface ArrangedView extends IsoView {
  /** Size of the volume in blocks. */
  readonly volumeBlocks: number;
  readonly pathTables: { readonly little: number; readonly big: number };
}

/** Where everything stands; block numbers count from the start of the image. */
export interface Arrangement {
  readonly root: IsoDirectory;
  readonly directories: readonly NumberedDirectory[];
  readonly plans: ReadonlyMap<IsoDirectory, PlannedDirectory>;
  readonly files: readonly IsoFile[];
  readonly fileBlocks: ReadonlyMap<IsoFile, number>;
  readonly whole: ArrangedView;
  readonly partition: ArrangedView;
  readonly catalogBlock: number;
  readonly partitionBlock: number;
  readonly appendedBlock: number;
  readonly appendedBlocks: number;
  readonly totalBlocks: number;
}

/** Hands out blocks from front to back. */
function counter(first: number): (blocks: number) => number {
  let next = first;
  return (blocks) => {
    const block = next;
    next += blocks;
    return block;
  };
}

function blocksOf(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES);
}

/**
 * Gives everything its blocks: descriptors, both views' path tables, both views' directories, boot
 * catalog, files, appended partition, padding. `time` is the seven-byte form.
 */
export function arrange(root: IsoDirectory, image: IsoImage, time: Uint8Array): Arrangement {
  const directories = pathOrder(root);
  const plans = new Map(
    directories.map(({ directory, parent }) => [
      directory,
      planDirectory(directory, directories[parent]!.directory, time),
    ]),
  );
  const files = [...filesOf(root)];
  const take = counter(PARTITION_BLOCK + DESCRIPTOR_BLOCK + PARTITION_DESCRIPTORS);
  const tables = (): { little: number; big: number } => {
    const blocks = blocksOf(pathTableBytes(directories));
    return { little: take(blocks), big: take(blocks) };
  };
  const pathTables = [tables(), tables()] as const;
  const trees = [0, 1].map(() =>
    directories.map(({ directory }) => [directory, take(plans.get(directory)!.blocks)] as const),
  );
  const catalogBlock = take(1);
  const fileBlocks = new Map(
    files.map((file) => [file, file.content ? take(blocksOf(file.sizeBytes)) : catalogBlock] as const),
  );
  const appendedBlock = alignUp(take(0), CYLINDER_BLOCKS);
  const appendedBlocks = alignUp(blocksOf(image.appendedPartition.size), CYLINDER_BLOCKS);
  const totalBlocks = appendedBlock + appendedBlocks + PADDING_BLOCKS;
  if (totalBlocks > 0xffffffff)
    throw new IsoError("image_too_large", `iso9660: ${totalBlocks} blocks do not fit 32 bits`);
  const blockOf = (view: number): ReadonlyMap<IsoNode, number> =>
    new Map<IsoNode, number>([...trees[view]!, ...fileBlocks]);
  return {
    root,
    directories,
    plans,
    files,
    fileBlocks,
    catalogBlock,
    whole: { base: 0, volumeBlocks: totalBlocks, pathTables: pathTables[0], blockOf: blockOf(0) },
    partition: {
      base: PARTITION_BLOCK,
      volumeBlocks: appendedBlock - PARTITION_BLOCK,
      pathTables: pathTables[1],
      blockOf: blockOf(1),
    },
    partitionBlock: PARTITION_BLOCK,
    appendedBlock,
    appendedBlocks,
    totalBlocks,
  };
}
