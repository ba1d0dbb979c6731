import { utf8 } from "../../bytes/text.ts";
import { inline, type Placement, padTo, slice } from "../../extents/index.ts";
import { type Allocator, append, type FileExtent, type InodePlace, PIECE_BLOCKS } from "./allocate.ts";
import { directoryBlocks, shortDirectory } from "./dirblocks.ts";
import { Directory, FILE_TYPE } from "./directory.ts";
import { byteOffset, diskAddress, type XfsFeatures, type XfsGeometry } from "./geometry.ts";
import {
  ATTRIBUTE,
  type Attribute,
  type DataFork,
  dataForkBytes,
  EXTENT_BYTES,
  FLAG,
  GENERATION,
  type Inode,
  LATE_FORK_OFFSET,
  MODE,
  parentForkOffset,
} from "./inode.ts";
import { BLOCK_BYTES } from "./layout.ts";
import { checkMode, MAX_DEPTH, nameBytes, type XfsEntry, XfsError, type XfsVolume } from "./model.ts";

/** mkfs.xfs changes an inode in so many transactions when it makes a directory or file, and one more per piece. */
const DIRECTORY_CHANGES = 2;
const FILE_CHANGES = 3;
/** Realtime bitmap and summary: empty files that every volume has. */
const REALTIME_INODE = {
  mode: MODE.file,
  links: 1,
  sizeBytes: 0,
  generation: GENERATION,
  changeCount: 2,
  forkOffset: 0,
};
const NO_EXTENTS: DataFork = { $case: "extents", extents: [] };

type FileEntry = XfsEntry & { readonly $case: "file" };
type DirectoryEntry = XfsEntry & { readonly $case: "directory" };

/** A directory while its entries are made. */
interface Open {
  readonly place: InodePlace;
  readonly generation: number;
  readonly directory: Directory;
  readonly extents: FileExtent[];
  /** Path with a slash at the end, for messages. */
  readonly path: string;
  readonly attribute?: Attribute;
  readonly forkOffset: number;
}

/** An entry with its name in bytes. */
interface Named<T> {
  readonly entry: T;
  readonly name: Uint8Array;
}

/** Places a tree into the groups in the order of a protofile: of each directory the files, then its directories. */
export class TreeWriter {
  /** Inodes in use. */
  readonly inodes: Inode[] = [];
  /** File bodies and directory blocks at byte offsets of the volume. */
  readonly parts: Placement[] = [];
  readonly #allocator: Allocator;
  readonly #geometry: XfsGeometry;
  readonly #features: XfsFeatures;
  readonly #uuid: string;

  constructor(allocator: Allocator, geometry: XfsGeometry, features: XfsFeatures, uuid: string) {
    this.#allocator = allocator;
    this.#geometry = geometry;
    this.#features = features;
    this.#uuid = uuid;
  }

  /** Writes the whole tree; to be called once. Gives the numbers of root, realtime bitmap and summary. */
  writeRoot({ rootMode, tree }: XfsVolume): readonly [number, number, number] {
    checkMode(rootMode, "/");
    const place = this.#allocator.rootInode();
    const root = this.#open(place, place.number, 0, "/");
    const bitmap = this.#allocator.fileInode(place, "realtime bitmap").number;
    const summary = this.#allocator.fileInode(place, "realtime summary").number;
    this.inodes.push({ ...REALTIME_INODE, number: bitmap, flags: FLAG.newBitmap, data: NO_EXTENTS, accessed: 0 });
    this.inodes.push({ ...REALTIME_INODE, number: summary, flags: 0, data: NO_EXTENTS });
    const directories = this.#fill(root, tree, 0);
    this.#closeRoot(root, rootMode, directories);
    return [place.number, bitmap, summary];
  }

  #open(place: InodePlace, parent: number, generation: number, path: string, attribute?: Attribute): Open {
    const extents: FileExtent[] = [];
    const take = (offset: number): void => this.#allocator.directoryBlock(place, extents, offset, path);
    const directory = new Directory({ inode: place.number, parent }, take, path);
    const forkOffset = attribute ? parentForkOffset(attribute) : 0;
    return { place, generation, directory, extents, path, forkOffset, ...(attribute ? { attribute } : {}) };
  }

  /** Makes a directory's entries; gives the number of directories among them. */
  #fill(open: Open, entries: readonly XfsEntry[], depth: number): number {
    if (depth > MAX_DEPTH) throw new XfsError("too_deep", `xfs: ${open.path}: deeper than ${MAX_DEPTH} directories`);
    const named = sorted(entries, open.path);
    const files = named.filter((one): one is Named<FileEntry> => one.entry.$case === "file");
    const directories = named.filter((one): one is Named<DirectoryEntry> => one.entry.$case === "directory");
    for (const { entry, name } of files) this.#writeFile(open, entry, name);
    for (const { entry, name } of directories) this.#writeDirectory(open, entry, name, depth + 1);
    return directories.length;
  }

  #writeFile(open: Open, { name: text, mode, content }: FileEntry, name: Uint8Array): void {
    const path = open.path + text;
    checkMode(mode, path);
    const place = this.#allocator.fileInode(open.place, path);
    open.directory.add({ name, inode: place.number, type: FILE_TYPE.file }, dataForkBytes(open.forkOffset));
    const attribute = this.#parentOf(open, name);
    const forkOffset = attribute ? parentForkOffset(attribute) : 0;
    const blocks = Math.ceil(content.size / BLOCK_BYTES);
    const extents = this.#allocator.fileBlocks(place, blocks, path);
    if (extents.length * EXTENT_BYTES > dataForkBytes(forkOffset)) {
      throw new XfsError("too_fragmented", `xfs: ${path}: its ${extents.length} extents do not fit its inode`);
    }
    this.inodes.push({
      ...{ number: place.number, mode: MODE.file | mode, links: 1, sizeBytes: content.size, generation: GENERATION },
      flags: content.size > 0 ? FLAG.preallocated : 0,
      changeCount: FILE_CHANGES + Math.ceil(blocks / PIECE_BLOCKS),
      data: { $case: "extents", extents },
      forkOffset,
      ...(attribute ? { attribute } : {}),
    });
    const whole = padTo(content, blocks * BLOCK_BYTES);
    for (const { offset, group, start, count } of extents) {
      const part = slice(whole, offset * BLOCK_BYTES, count * BLOCK_BYTES);
      this.parts.push({ offset: byteOffset(this.#geometry, group, start), content: part });
    }
  }

  #writeDirectory(parent: Open, { name: text, mode, children }: DirectoryEntry, name: Uint8Array, depth: number): void {
    const path = `${parent.path}${text}/`;
    checkMode(mode, path);
    const place = this.#allocator.directoryInode(path);
    parent.directory.add({ name, inode: place.number, type: FILE_TYPE.directory }, dataForkBytes(parent.forkOffset));
    const open = this.#open(place, parent.place.number, GENERATION, path, this.#parentOf(parent, name));
    const directories = this.#fill(open, children, depth);
    this.#close(open, mode, directories, DIRECTORY_CHANGES);
  }

  /** The attribute that says in which directory an inode is, and under which name (outputs.md 2.9.4). */
  #parentOf({ place, generation }: Open, name: Uint8Array): Attribute | undefined {
    if (!this.#features.parents) return undefined;
    const value = new Uint8Array(12);
    const view = new DataView(value.buffer);
    view.setBigUint64(0, BigInt(place.number));
    view.setUint32(8, generation);
    return { flags: ATTRIBUTE.parent, name, value };
  }

  /** The root gets its attribute when all else is done, which may push its entries out of the inode. */
  #closeRoot(root: Open, mode: number, directories: number): void {
    const attribute = { flags: ATTRIBUTE.root, name: utf8("xfs:autofsck"), value: utf8(this.#features.selfRepair) };
    root.directory.shrink(dataForkBytes(LATE_FORK_OFFSET));
    this.#close({ ...root, attribute, forkOffset: LATE_FORK_OFFSET }, mode, directories, DIRECTORY_CHANGES + 2);
  }

  #close(
    { place, generation, directory, extents, attribute, forkOffset }: Open,
    mode: number,
    directories: number,
    changes: number,
  ): void {
    const short = directory.form === "short";
    this.inodes.push({
      ...{ number: place.number, mode: MODE.directory | mode, links: 2 + directories, flags: 0, generation },
      sizeBytes: directory.sizeBytes,
      changeCount: changes + directory.changes,
      data: short
        ? { $case: "local", bytes: shortDirectory(directory) }
        : { $case: "extents", extents: joined(extents) },
      forkOffset,
      ...(attribute ? { attribute } : {}),
    });
    if (short) return;
    const placeOf = (offset: number): FileExtent => extents.find((extent) => extent.offset === offset)!;
    const addressOf = (offset: number): number =>
      diskAddress(this.#geometry, placeOf(offset).group, placeOf(offset).start);
    for (const { offset, bytes } of directoryBlocks(directory, { uuid: this.#uuid, addressOf })) {
      const { group, start } = placeOf(offset);
      this.parts.push({ offset: byteOffset(this.#geometry, group, start), content: inline(bytes) });
    }
  }
}

const ROOT = "/";
const ORPHANAGE = "lost+found";

/** Entries with their names' bytes, in the order of those. Throws `name_invalid`, `name_duplicate`. */
function sorted(entries: readonly XfsEntry[], path: string): readonly Named<XfsEntry>[] {
  const named = entries.map((entry) => ({ entry, name: nameBytes(entry.name, path + entry.name) }));
  // xfs_repair takes a file of this name in the root for damage.
  if (path === ROOT && entries.some(({ $case, name }) => name === ORPHANAGE && $case !== "directory")) {
    throw new XfsError("name_invalid", `xfs: ${ROOT}${ORPHANAGE}: only a directory has this name`);
  }
  named.sort((a, b) => compareBytes(a.name, b.name));
  for (const [i, { entry }] of named.entries()) {
    if (i > 0 && named[i - 1]!.entry.name === entry.name) {
      throw new XfsError("name_duplicate", `xfs: ${path}${entry.name}: the name exists`);
    }
  }
  return named;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? -1);
}

function joined(extents: readonly FileExtent[]): readonly FileExtent[] {
  const list: FileExtent[] = [];
  for (const extent of extents) append(list, extent);
  return list;
}
