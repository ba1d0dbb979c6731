import { inline, type Placement, place, type Recipe } from "../../extents/index.ts";
import { type ArrangedView, type Arrangement, arrange } from "./arrange.ts";
import { type IsoTime, isoTime, NO_DATE } from "./dates.ts";
import { encodeDirectory, encodeRootRecord } from "./directory.ts";
import { checkBootEntries, encodeCatalog, type PlacedBootEntry } from "./eltorito.ts";
import { BLOCK_BYTES, bootRecord, DESCRIPTOR_BLOCK, primaryDescriptor, terminator } from "./layout.ts";
import { checkVolume, type IsoBootEntry, IsoError, type IsoImage } from "./model.ts";
import { encodePathTable, pathTableBytes } from "./pathtable.ts";
import { isoTree } from "./tree.ts";

/** Sectors of 512 bytes in a block, for the MBR. */
const SECTORS = BLOCK_BYTES / 512;

function at(block: number, content: Recipe | Uint8Array): Placement {
  return { offset: block * BLOCK_BYTES, content: content instanceof Uint8Array ? inline(content) : content };
}

function primary(image: IsoImage, arrangement: Arrangement, view: ArrangedView, time: IsoTime): Uint8Array {
  const { root, plans, directories } = arrangement;
  return primaryDescriptor.encode({
    volumeId: image.volumeId,
    volumeSetId: image.volumeSetId ?? "",
    preparerId: image.preparerId ?? "",
    volumeBlocks: view.volumeBlocks,
    pathTableBytes: pathTableBytes(directories),
    pathTableLittle: view.pathTables.little - view.base,
    pathTableBig: view.pathTables.big - view.base,
    root: encodeRootRecord(root, view, plans, time.short),
    created: time.long,
    modified: time.long,
    expires: NO_DATE,
    effective: NO_DATE,
  });
}

/** Both descriptor sets; only that of the whole image is bootable. */
function descriptorParts(image: IsoImage, arrangement: Arrangement, time: IsoTime): readonly Placement[] {
  const { whole, partition, catalogBlock, partitionBlock } = arrangement;
  const inPartition = partitionBlock + DESCRIPTOR_BLOCK;
  return [
    at(DESCRIPTOR_BLOCK, primary(image, arrangement, whole, time)),
    at(DESCRIPTOR_BLOCK + 1, bootRecord.encode({ catalogBlock })),
    at(DESCRIPTOR_BLOCK + 2, terminator.encode({})),
    at(inPartition, primary(image, arrangement, partition, time)),
    at(inPartition + 1, terminator.encode({})),
  ];
}

/** Path tables and directories of one view. */
function viewParts(arrangement: Arrangement, view: ArrangedView, time: IsoTime): readonly Placement[] {
  const { directories, plans } = arrangement;
  return [
    at(view.pathTables.little, encodePathTable("little", directories, view)),
    at(view.pathTables.big, encodePathTable("big", directories, view)),
    ...directories.map(({ directory }) =>
      at(view.blockOf.get(directory)!, encodeDirectory(directory, view, plans, time.short)),
    ),
  ];
}

function placeBootEntry(entry: IsoBootEntry, image: IsoImage, arrangement: Arrangement): PlacedBootEntry {
  if (entry.image.$case === "appended") {
    return { entry, block: arrangement.appendedBlock, sizeBytes: image.appendedPartition.size };
  }
  const { path } = entry.image;
  const file = arrangement.files.find((candidate) => candidate.path === path && candidate.content);
  if (!file) throw new IsoError("boot_entry_invalid", `iso9660 el torito: ${path}: no such file in the tree`);
  return { entry, block: arrangement.fileBlocks.get(file)!, sizeBytes: file.sizeBytes };
}

function bodyParts(image: IsoImage, arrangement: Arrangement): readonly Placement[] {
  const { files, fileBlocks, catalogBlock, appendedBlock } = arrangement;
  const catalog = encodeCatalog(image.elTorito.map((entry) => placeBootEntry(entry, image, arrangement)));
  return [
    at(catalogBlock, catalog),
    ...files.flatMap((file) => (file.content ? [at(fileBlocks.get(file)!, file.content)] : [])),
    at(appendedBlock, image.appendedPartition),
  ];
}

/** A partition of the image in 512-byte sectors. */
export interface IsoPartition {
  readonly firstLba: number;
  readonly sectors: number;
}

/** An image whose system area (the first 32 KiB) is still empty, and what a partition table must say. */
export interface IsoLayout {
  readonly parts: readonly Placement[];
  readonly sizeBytes: number;
  /** The file system, seen through its own descriptors. */
  readonly fileSystem: IsoPartition;
  readonly appended: IsoPartition;
}

/**
 * Lays out the file system and the appended partition (outputs.md 3.5) without the system area, which
 * differs between variants. Throws `IsoError` for what ISO 9660 with Rock Ridge cannot hold.
 */
export function isoLayout(image: IsoImage): IsoLayout {
  checkVolume(image);
  checkBootEntries(image.elTorito);
  const time = isoTime(image.mtime);
  const arrangement = arrange(isoTree(image), image, time.short);
  const { partitionBlock, appendedBlock, appendedBlocks, totalBlocks } = arrangement;
  return {
    parts: [
      ...descriptorParts(image, arrangement, time),
      ...viewParts(arrangement, arrangement.whole, time),
      ...viewParts(arrangement, arrangement.partition, time),
      ...bodyParts(image, arrangement),
    ],
    sizeBytes: totalBlocks * BLOCK_BYTES,
    fileSystem: { firstLba: partitionBlock * SECTORS, sectors: (appendedBlock - partitionBlock) * SECTORS },
    appended: { firstLba: appendedBlock * SECTORS, sectors: appendedBlocks * SECTORS },
  };
}

/** The image of a layout with `systemArea` (at most 32 KiB) in front. */
export function assembleIso(layout: IsoLayout, systemArea: Uint8Array): Recipe {
  return place(layout.sizeBytes, [at(0, systemArea), ...layout.parts]);
}
