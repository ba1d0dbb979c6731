import { inline, type Placement, type Recipe } from "../../extents/index.ts";
import { type ArrangedView, type Arrangement, arrange, PARTITION_BLOCK } from "./arrange.ts";
import { type IsoTime, isoTime, NO_DATE } from "./dates.ts";
import { encodeDirectory, encodeRootRecord } from "./directory.ts";
import { checkBootEntries, encodeCatalog, type PlacedBootEntry } from "./eltorito.ts";
import { grubBootImage } from "./grub.ts";
import {
  BLOCK_BYTES,
  bootRecord,
  DESCRIPTOR_BLOCK,
  primaryDescriptor,
  SECTORS_PER_BLOCK,
  terminator,
} from "./layout.ts";
import { checkVolume, type IsoBootEntry, IsoError, type IsoImage } from "./model.ts";
import { encodePathTable, pathTableBytes } from "./pathtable.ts";
import { isoTree } from "./tree.ts";

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

/** Descriptors, path tables and directories of one view; only that of the whole image is bootable. */
function viewParts(image: IsoImage, arrangement: Arrangement, view: ArrangedView, time: IsoTime): readonly Placement[] {
  const { directories, plans, catalogBlock } = arrangement;
  const descriptors = [
    primary(image, arrangement, view, time),
    ...(view.base === 0 ? [bootRecord.encode({ catalogBlock })] : []),
    terminator.encode({}),
  ];
  return [
    ...descriptors.map((descriptor, i) => at(view.base + DESCRIPTOR_BLOCK + i, descriptor)),
    at(view.pathTables.little, encodePathTable("little", directories, view)),
    at(view.pathTables.big, encodePathTable("big", directories, view)),
    ...directories.map(({ directory }) =>
      at(view.blockOf.get(directory)!, encodeDirectory(directory, view, plans, time.short)),
    ),
  ];
}

function placeBootEntry(entry: IsoBootEntry, image: IsoImage, arrangement: Arrangement): PlacedBootEntry {
  if (entry.image.$case === "appended") {
    return { entry, block: arrangement.appendedBlock, sizeBytes: image.appendedPartition!.size };
  }
  const { path } = entry.image;
  const file = arrangement.files.find((candidate) => candidate.path === path && candidate.content);
  if (!file?.sizeBytes) {
    throw new IsoError("boot_entry_invalid", `iso9660 el torito: ${path}: no such file in the tree, or an empty one`);
  }
  return { entry, block: arrangement.fileBlocks.get(file)!, sizeBytes: file.sizeBytes };
}

/** Catalog, files and appended partition; GRUB's boot image learns its place. */
function bodyParts(image: IsoImage, arrangement: Arrangement, boot: readonly PlacedBootEntry[]): readonly Placement[] {
  const { files, fileBlocks, catalogBlock, appendedBlock } = arrangement;
  const first = boot[0]!.entry.image;
  const grubPath = image.grubBoot && first.$case === "file" ? first.path : undefined;
  const bodies = files.flatMap((file) => {
    if (!file.content) return [];
    const block = fileBlocks.get(file)!;
    return [at(block, file.path === grubPath ? grubBootImage(file.content, block) : file.content)];
  });
  const { appendedPartition } = image;
  return [
    at(catalogBlock, encodeCatalog(boot)),
    ...bodies,
    ...(appendedPartition ? [at(appendedBlock, appendedPartition)] : []),
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
  readonly boot: readonly PlacedBootEntry[];
  /** The file system behind its system area; in front of an appended partition it has descriptors there. */
  readonly fileSystem: IsoPartition;
  readonly appended: IsoPartition;
}

/**
 * Lays out the file system and the appended partition (outputs.md 3.5) without the system area, which
 * differs between variants. Throws `IsoError` for what ISO 9660 with Rock Ridge cannot hold.
 */
export function isoLayout(image: IsoImage): IsoLayout {
  checkVolume(image);
  checkBootEntries(image);
  const time = isoTime(image.mtime);
  const arrangement = arrange(isoTree(image), image, time.short);
  const { views, appendedBlock, appendedBlocks, totalBlocks } = arrangement;
  const boot = image.elTorito.map((entry) => placeBootEntry(entry, image, arrangement));
  return {
    parts: [
      ...views.flatMap((view) => viewParts(image, arrangement, view, time)),
      ...bodyParts(image, arrangement, boot),
    ],
    sizeBytes: totalBlocks * BLOCK_BYTES,
    boot,
    fileSystem: {
      firstLba: PARTITION_BLOCK * SECTORS_PER_BLOCK,
      sectors: (appendedBlock - PARTITION_BLOCK) * SECTORS_PER_BLOCK,
    },
    appended: { firstLba: appendedBlock * SECTORS_PER_BLOCK, sectors: appendedBlocks * SECTORS_PER_BLOCK },
  };
}
