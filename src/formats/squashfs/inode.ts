import { concatBytes } from "../../bytes/text.ts";
import type { FileData } from "./data.ts";
import {
  DIRECTORY_EXTRA,
  deviceInode,
  directoryIndex,
  directoryInode,
  EXTENDED,
  extendedDirectoryInode,
  extendedFileInode,
  fifoInode,
  fileInode,
  inodeHeader,
  NONE,
  symlinkInode,
  TYPES,
  words,
  xattrSuffix,
} from "./layout.ts";
import type { MetadataRef } from "./model.ts";
import type { LeafNode } from "./tree.ts";

/** What every inode says. `xattr` is the number of its attribute set, or NONE. */
export interface InodeCommon {
  readonly mode: number;
  readonly mtime: number;
  readonly number: number;
  readonly links: number;
  readonly xattr: number;
}

/** Where one part of a long listing is: `at` bytes from the listing's begin, in the table block at `block`. */
export interface IndexPoint {
  readonly at: number;
  readonly block: number;
  readonly firstName: Uint8Array;
}

export interface DirectoryContents {
  /** Number of the parent's inode; the root has one more than the last inode. */
  readonly parent: number;
  readonly listing: MetadataRef;
  readonly listingBytes: number;
  readonly index: readonly IndexPoint[];
}

const U16_MAX = 0xffff;
const U32_MAX = 0xffffffff;

function header(type: number, { mode, mtime, number }: InodeCommon): Uint8Array {
  return inodeHeader.encode({ type, mode, uid: 0, gid: 0, mtime, number });
}

/** A directory's inode: extended, with an index, when it has attributes or a listing over 64 KiB. */
export function encodeDirectory(common: InodeCommon, contents: DirectoryContents): Uint8Array {
  const size = contents.listingBytes + DIRECTORY_EXTRA;
  const base = {
    links: common.links,
    size,
    startBlock: contents.listing.block,
    offset: contents.listing.offset,
    parent: contents.parent,
  };
  if (size <= U16_MAX && common.xattr === NONE) {
    return concatBytes(header(TYPES.directory, common), directoryInode.encode(base));
  }
  const { index } = contents;
  return concatBytes(
    header(TYPES.directory + EXTENDED, common),
    extendedDirectoryInode.encode({ ...base, indexes: index.length, xattr: common.xattr }),
    ...index.flatMap(({ at, block, firstName }) => [
      directoryIndex.encode({ listingOffset: at, startBlock: block, nameSize: firstName.length - 1 }),
      firstName,
    ]),
  );
}

/** The inode of anything but a directory. */
export function encodeLeaf(common: InodeCommon, node: LeafNode): Uint8Array {
  const type = TYPES[node.$case];
  const { links } = common;
  switch (node.$case) {
    case "file":
      return encodeFile(common, node.data);
    case "symlink":
      return small(type, common, concatBytes(symlinkInode.encode({ links, size: node.target.length }), node.target));
    case "char":
    case "block":
      return small(type, common, deviceInode.encode({ links, device: deviceNumber(node.major, node.minor) }));
    case "fifo":
    case "socket":
      return small(type, common, fifoInode.encode({ links }));
  }
}

function small(type: number, common: InodeCommon, fields: Uint8Array): Uint8Array {
  if (common.xattr === NONE) return concatBytes(header(type, common), fields);
  return concatBytes(header(type + EXTENDED, common), fields, xattrSuffix.encode({ xattr: common.xattr }));
}

/** Extended where a basic inode cannot say it: 4 GiB, further names, attributes, holes. */
function encodeFile(common: InodeCommon, data: FileData): Uint8Array {
  const { start, size, sparse, fragment } = data;
  const base = { start, size, fragment: fragment?.index ?? NONE, offset: fragment?.offset ?? 0 };
  const sizes = words(32, data.blocks);
  const basic = start <= U32_MAX && size <= U32_MAX && sparse === 0 && common.links === 1 && common.xattr === NONE;
  if (basic) return concatBytes(header(TYPES.file, common), fileInode.encode(base), sizes);
  const { links, xattr } = common;
  return concatBytes(
    header(TYPES.file + EXTENDED, common),
    extendedFileInode.encode({ ...base, sparse, links, xattr }),
    sizes,
  );
}

/** A device number in the kernel's 32-bit form (new_encode_dev, linux/kdev_t.h): 12 bits of major, 20 of minor. */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) + major * 0x100 + (minor >>> 8) * 0x10_0000;
}
