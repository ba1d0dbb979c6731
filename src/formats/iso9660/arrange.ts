import { alignUp } from "../../bytes/align.ts";
import { type IsoView, type PlannedDirectory, planDirectory } from "./directory.ts";
import { BLOCK_BYTES, DESCRIPTOR_BLOCK } from "./layout.ts";
import { IsoError, type IsoImage } from "./model.ts";
import { pathTableBytes } from "./pathtable.ts";
import { filesOf, type IsoDirectory, type IsoFile, type IsoNode, type NumberedDirectory, pathOrder } from "./tree.ts";

/** In front of an appended partition, partition 1 begins at this block (`-partition_offset 16`, outputs.md 3.5). */
export const PARTITION_BLOCK = 16;
/** Primary descriptor, boot record and terminator; the partition's set has no boot record. */
const DESCRIPTORS = 3;
const PARTITION_DESCRIPTORS = 2;
/** Cylinder of 64 heads and 32 sectors: partitions begin and end at whole MiB (outputs.md 3.5). */
const CYLINDER_BLOCKS = (64 * 32 * 512) / BLOCK_BYTES;
/** Zero blocks at the end of the image (outputs.md 3.5). */
const PADDING_BLOCKS = 150;
/** The backup GPT behind them: one sector for its header, 62 for the entries, rounded up to blocks (outputs.md 3.5). */
export const BACKUP_GPT_BLOCKS = 16;

/** One of the ways into the file system: of the whole image, or of partition 1. */
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
  /** That of the whole image, then that of partition 1 where there is one. */
  readonly views: readonly ArrangedView[];
  readonly catalogBlock: number;
  /** First block behind the file system. */
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

/** Blocks of the appended partition: whole cylinders from a whole cylinder, or none where files end. */
function appended({ appendedPartition }: IsoImage, end: number): { readonly block: number; readonly blocks: number } {
  if (!appendedPartition) return { block: end, blocks: 0 };
  return {
    block: alignUp(end, CYLINDER_BLOCKS),
    blocks: alignUp(blocksOf(appendedPartition.size), CYLINDER_BLOCKS),
  };
}

/**
 * Gives everything its blocks: descriptors, each view's path tables, each view's directories, boot
 * catalog, files, appended partition, padding, backup GPT. `time` is the seven-byte form.
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
  const bases = image.appendedPartition ? [0, PARTITION_BLOCK] : [0];
  const descriptors = image.appendedPartition ? PARTITION_BLOCK + PARTITION_DESCRIPTORS : DESCRIPTORS;
  const take = counter(DESCRIPTOR_BLOCK + descriptors);
  const tables = (): { little: number; big: number } => {
    const blocks = blocksOf(pathTableBytes(directories));
    return { little: take(blocks), big: take(blocks) };
  };
  const pathTables = bases.map(tables);
  const trees = bases.map(() =>
    directories.map(({ directory }) => [directory, take(plans.get(directory)!.blocks)] as const),
  );
  const catalogBlock = take(1);
  const fileBlocks = new Map(
    files.map((file) => [file, file.content ? take(blocksOf(file.sizeBytes)) : catalogBlock] as const),
  );
  const { block: appendedBlock, blocks: appendedBlocks } = appended(image, take(0));
  const backupBlocks = image.grubBoot ? BACKUP_GPT_BLOCKS : 0;
  const totalBlocks = appendedBlock + appendedBlocks + PADDING_BLOCKS + backupBlocks;
  if (totalBlocks > 0xffffffff)
    throw new IsoError("image_too_large", `iso9660: ${totalBlocks} blocks do not fit 32 bits`);
  const views = bases.map((base, i) => ({
    base,
    volumeBlocks: base === 0 ? totalBlocks : appendedBlock - base,
    pathTables: pathTables[i]!,
    blockOf: new Map<IsoNode, number>([...trees[i]!, ...fileBlocks]),
  }));
  return {
    root,
    directories,
    plans,
    files,
    fileBlocks,
    views,
    catalogBlock,
    appendedBlock,
    appendedBlocks,
    totalBlocks,
  };
}
