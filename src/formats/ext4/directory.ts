import { alignUp } from "../../bytes/align.ts";
import { crc32c } from "../../bytes/crc32c.ts";
import { utf8 } from "../../bytes/text.ts";
import { directoryEntry, directoryTail } from "./layout.ts";

/** Entries start at multiples of this. */
const ENTRY_ALIGNMENT = 4;

/** A name in a directory. */
interface DirectoryName {
  readonly name: Uint8Array;
}

/** A name, the inode it leads to, and that inode's type code. */
interface DirectoryTarget extends DirectoryName {
  readonly inode: number;
  readonly type: number;
}

/** The two names every directory starts with. */
export const DOT: DirectoryName = { name: utf8(".") };
export const DOT_DOT: DirectoryName = { name: utf8("..") };

function entryBytes({ name }: DirectoryName): number {
  return alignUp(directoryEntry.size + name.length, ENTRY_ALIGNMENT);
}

/** The names of a directory, dots first, cut into blocks; no entry spans two ("Linear Directories"). */
export function cutIntoBlocks<N extends DirectoryName>(names: readonly N[], blockSize: number): N[][] {
  const room = blockSize - directoryTail.size;
  const blocks: N[][] = [];
  let used = room;
  for (const name of names) {
    const size = entryBytes(name);
    if (used + size > room) {
      blocks.push([]);
      used = 0;
    }
    blocks.at(-1)!.push(name);
    used += size;
  }
  return blocks;
}

/** One block of a directory; an empty one is a single unused entry. `seed` is the inode's checksum seed. */
export function encodeDirectoryBlock(entries: readonly DirectoryTarget[], blockSize: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(blockSize);
  const view = new DataView(bytes.buffer);
  const room = blockSize - directoryTail.size;
  let at = 0;
  for (const [i, entry] of entries.entries()) {
    // The last entry reaches to the tail.
    const size = i === entries.length - 1 ? room - at : entryBytes(entry);
    const { inode, type, name } = entry;
    directoryEntry.write(view, at, { inode, type, nameBytes: name.length, entryBytes: size });
    bytes.set(name, at + directoryEntry.size);
    at += size;
  }
  if (entries.length === 0) directoryEntry.write(view, 0, { inode: 0, type: 0, nameBytes: 0, entryBytes: room });
  directoryTail.write(view, room, { checksum: crc32c(bytes.subarray(0, room), seed) });
  return bytes;
}
