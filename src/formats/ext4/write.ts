import type { Guid } from "../../bytes/guid.ts";
import { place, type Recipe } from "../../extents/index.ts";
import type { Arrangement } from "./arrange.ts";
import { inodeSeed, volumeSeed } from "./checksum.ts";
import { blocksIn } from "./geometry.ts";
import { encodeGroups } from "./groups.ts";
import { JOURNAL_INODE, MODE_FILE, ORPHAN_INODE, RESIZE_INODE, resizeMap } from "./layout.ts";
import { checkVolume, Ext4Error, type Ext4Volume } from "./model.ts";
import { minimumBytes, plan } from "./plan.ts";
import { journalPart, orphanParts, resizeInode } from "./special.ts";
import { superblockParts, type Totals } from "./superblock.ts";
import { listNodes, type Node } from "./tree.ts";
import { TreeWriter } from "./treewriter.ts";

/** Mode of the inodes that no directory names. */
const HIDDEN_MODE = MODE_FILE | 0o600;

/** s_uuid is in text order. */
function uuidBytes(uuid: Guid): Uint8Array {
  return Uint8Array.from(uuid.replaceAll("-", "").match(/../g)!, (hex) => Number.parseInt(hex, 16));
}

function arrangementOf(volume: Ext4Volume, nodes: readonly Node[]): Arrangement {
  const { sizeBytes, sectorSize = 512 } = volume;
  const arrangement = plan(sizeBytes, sectorSize, nodes);
  if (arrangement) return arrangement;
  const needed = minimumBytes(nodes, sectorSize, sizeBytes);
  throw new Ext4Error(
    "no_space",
    `ext4: the tree does not fit into ${sizeBytes} bytes; a volume of ${needed} holds it`,
  );
}

function writeResizeInode(writer: TreeWriter, arrangement: Arrangement): void {
  const { sizeBytes, allocatedBytes, parts } = resizeInode(arrangement);
  writer.parts.push(...parts);
  const blockMap = resizeMap.encode({ doubleIndirect: arrangement.resizeBlock });
  writer.setInode(RESIZE_INODE, { mode: HIDDEN_MODE, links: 1, sizeBytes, allocatedBytes, flags: 0, blockMap });
}

/** Writes journal and orphan file; gives what the superblock repeats of them. */
function writeJournal(writer: TreeWriter, { journal, geometry }: Arrangement, uuid: Uint8Array): Totals["journal"] {
  if (!journal) return undefined;
  const { blockSize } = geometry;
  const sized = ({ runs }: typeof journal.log) => ({
    mode: HIDDEN_MODE,
    links: 1,
    sizeBytes: blocksIn(runs) * blockSize,
  });
  const log = sized(journal.log);
  const blockMap = writer.setMapped(JOURNAL_INODE, journal.log, log);
  writer.setMapped(ORPHAN_INODE, journal.orphans, sized(journal.orphans));
  writer.parts.push(
    journalPart(journal.log, blockSize, uuid),
    ...orphanParts(journal.orphans, blockSize, inodeSeed(volumeSeed(uuid), ORPHAN_INODE)),
  );
  return { blockMap, sizeBytes: log.sizeBytes };
}

/**
 * An ext4 file system with a tree in it, as a recipe of exactly `sizeBytes` (outputs.md 2.12). File bodies stay
 * extents. Throws `Ext4Error`: names, modes, sizes and times ext4 cannot hold, and trees that do not fit.
 */
export function ext4Volume(volume: Ext4Volume): Recipe {
  checkVolume(volume);
  const nodes = listNodes(volume.tree);
  const arrangement = arrangementOf(volume, nodes);
  const uuid = uuidBytes(volume.uuid);
  const seed = volumeSeed(uuid);
  const writer = new TreeWriter(arrangement, nodes, volume.mtime, seed);
  writeResizeInode(writer, arrangement);
  const journal = writeJournal(writer, arrangement, uuid);
  writer.writeNodes();
  const { lastInode, directories } = writer;
  const groups = encodeGroups(arrangement, { last: lastInode, directories }, seed);
  return place(volume.sizeBytes, [
    ...superblockParts(arrangement, volume, { groups, lastInode, uuid, journal }),
    ...groups.bitmaps,
    ...writer.tableParts(),
    ...writer.parts,
  ]);
}
