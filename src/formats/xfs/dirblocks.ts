import { directoryBlock, directoryLeaf } from "./blocks.ts";
import {
  BEST_BYTES,
  BLOCK_TAIL_BYTES,
  type Directory,
  type DirectoryEntry,
  DOT_NAMES,
  entryBytes,
  FILE_TYPE,
  LEAF_ENTRY_BYTES,
  LEAF_OFFSET,
  LEAF_TAIL_BYTES,
  SHORT_HEAD_BYTES,
} from "./directory.ts";
import { BLOCK_BYTES, seal } from "./layout.ts";

/** Marks free bytes of a data block, in place of an inode number's head. */
const FREE_TAG = 0xffff;
/** Offsets in leaves count units of 8 bytes. */
const ADDRESS_UNIT = 8;

/** What blocks say of themselves. */
interface Identity {
  readonly uuid: string;
  /** Disk address of a block of the directory's file. */
  readonly addressOf: (offset: number) => number;
}

/** One block of a directory's file; `offset` in blocks. */
interface DirectoryBlock {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Hash of a name (XFS "Directory Hashes", xfs_da_hashname). */
function nameHash(name: Uint8Array): number {
  let hash = 0;
  let at = 0;
  const turn = (bits: number): number => (hash << bits) | (hash >>> (32 - bits));
  for (; at + 4 <= name.length; at += 4) {
    hash = (name[at]! << 21) ^ (name[at + 1]! << 14) ^ (name[at + 2]! << 7) ^ name[at + 3]! ^ turn(28);
  }
  const rest = name.subarray(at);
  if (rest.length === 0) return hash >>> 0;
  const tail = rest.reduce((sum, byte, i) => sum ^ (byte << (7 * (rest.length - 1 - i))), 0);
  return (tail ^ turn(7 * rest.length)) >>> 0;
}

/** `.` and `..` and then the others, with their places. */
function allEntries({ inode, parent, entries }: Directory): readonly DirectoryEntry[] {
  const [dot, dots] = DOT_NAMES;
  const at = directoryBlock.size;
  const type = FILE_TYPE.directory;
  const first = { name: dot, inode, type, at };
  return [first, { name: dots, inode: parent, type, at: at + entryBytes(dot) }, ...entries];
}

/** Hashes and places in ascending order of hashes. */
function writeHashes(view: DataView, at: number, entries: readonly DirectoryEntry[]): void {
  const hashes = entries.map(({ name, at: place }) => ({ hash: nameHash(name), place }));
  hashes.sort((a, b) => a.hash - b.hash || a.place - b.place);
  for (const [i, { hash, place }] of hashes.entries()) {
    view.setUint32(at + i * LEAF_ENTRY_BYTES, hash);
    view.setUint32(at + i * LEAF_ENTRY_BYTES + 4, place / ADDRESS_UNIT);
  }
}

function writeEntry(bytes: Uint8Array, { name, inode, type, at: place }: DirectoryEntry): void {
  const view = new DataView(bytes.buffer);
  const at = place % BLOCK_BYTES;
  view.setBigUint64(at, BigInt(inode));
  view.setUint8(at + 8, name.length);
  bytes.set(name, at + 9);
  view.setUint8(at + 9 + name.length, type);
  view.setUint16(at + entryBytes(name) - 2, at);
}

/** One data block with its entries; free bytes from the last on to `end`. */
function dataBlock(
  directory: Directory,
  offset: number,
  identity: Identity,
  form: { readonly magic: string; readonly end: number },
): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  const used = directory.used[offset]!;
  const free = form.end - used;
  const none = { offset: 0, bytes: 0 };
  directoryBlock.write(view, 0, {
    magic: form.magic,
    address: identity.addressOf(offset),
    uuid: identity.uuid,
    inode: directory.inode,
    bestFree: [free > 0 ? { offset: used, bytes: free } : none, none, none],
  });
  for (const entry of allEntries(directory)) {
    if (Math.floor(entry.at / BLOCK_BYTES) === offset) writeEntry(bytes, entry);
  }
  if (free > 0) {
    view.setUint16(used, FREE_TAG);
    view.setUint16(used + 2, free);
    view.setUint16(form.end - 2, used);
  }
  return bytes;
}

function singleBlock(directory: Directory, identity: Identity): Uint8Array {
  const end = BLOCK_BYTES - BLOCK_TAIL_BYTES - LEAF_ENTRY_BYTES * directory.hashes;
  const bytes = dataBlock(directory, 0, identity, { magic: "XDB3", end });
  const view = new DataView(bytes.buffer);
  writeHashes(view, end, allEntries(directory));
  view.setUint32(BLOCK_BYTES - BLOCK_TAIL_BYTES, directory.hashes);
  return seal(bytes, directoryBlock.offsets.checksum);
}

function leafBlock(directory: Directory, { uuid, addressOf }: Identity): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  const { inode, hashes: count, used } = directory;
  directoryLeaf.write(view, 0, { address: addressOf(LEAF_OFFSET), uuid, inode, count });
  writeHashes(view, directoryLeaf.size, allEntries(directory));
  const tail = BLOCK_BYTES - LEAF_TAIL_BYTES;
  view.setUint32(tail, used.length);
  for (const [i, bytesUsed] of used.entries()) {
    view.setUint16(tail - BEST_BYTES * (used.length - i), BLOCK_BYTES - bytesUsed);
  }
  return seal(bytes, directoryLeaf.offsets.checksum);
}

/** The blocks of a directory that does not fit its inode (XFS "Block Directories", "Leaf Directories"). */
export function directoryBlocks(directory: Directory, identity: Identity): readonly DirectoryBlock[] {
  if (directory.form === "block") return [{ offset: 0, bytes: singleBlock(directory, identity) }];
  const data = directory.used.map((_, offset) => {
    const bytes = dataBlock(directory, offset, identity, { magic: "XDD3", end: BLOCK_BYTES });
    return { offset, bytes: seal(bytes, directoryBlock.offsets.checksum) };
  });
  return [...data, { offset: LEAF_OFFSET, bytes: leafBlock(directory, identity) }];
}

/** What the inode holds of a directory in short form (XFS "Shortform Directories"). */
export function shortDirectory({ parent, entries, shortBytes }: Directory): Uint8Array {
  const bytes = new Uint8Array(shortBytes);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, entries.length);
  view.setUint32(2, parent);
  let at = SHORT_HEAD_BYTES;
  for (const { name, at: place, type, inode } of entries) {
    view.setUint8(at, name.length);
    view.setUint16(at + 1, place);
    bytes.set(name, at + 3);
    at += 3 + name.length;
    view.setUint8(at, type);
    view.setUint32(at + 1, inode);
    at += 5;
  }
  return bytes;
}
