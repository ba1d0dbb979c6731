import { utf8 } from "../../bytes/text.ts";
import { type BlockEncoder, type BlockOutput, MetadataTable, refNumber } from "./blocks.ts";
import type { Fragment } from "./data.ts";
import { compareNames, encodeListing, type ListingEntry } from "./directory.ts";
import { encodeDirectory, encodeLeaf, type IndexPoint, type InodeCommon } from "./inode.ts";
import { fragmentEntry, TYPES, words } from "./layout.ts";
import type { MetadataRef } from "./model.ts";
import type { DirectoryNode, Node } from "./tree.ts";
import { XattrTable } from "./xattr.ts";

/** Where the tables of an image are: what the superblock says of them. */
export interface Tables {
  readonly inodes: number;
  readonly rootInode: number;
  readonly inodeTable: number;
  readonly directoryTable: number;
  readonly fragmentTable: number;
  readonly exportTable: number;
  readonly idTable: number;
  readonly xattrTable: bigint;
}

interface NamedChild {
  readonly name: Uint8Array;
  readonly node: Node;
}

/** A node in the order of the inode table, with what its inode needs to know of the tree. */
interface Planned {
  readonly node: Node;
  readonly number: number;
  /** Sorted; empty for leaves. */
  readonly children: readonly NamedChild[];
  readonly parent: DirectoryNode | undefined;
}

/**
 * Inode order and numbers: below each directory first its subdirectories with all they hold, then its
 * leaves together (their inodes share metadata blocks, so listings need few headers), then itself.
 */
function plan(root: DirectoryNode): Map<Node, Planned> {
  const order = new Map<Node, Planned>();
  const add = (planned: Omit<Planned, "number">): void => {
    order.set(planned.node, { ...planned, number: order.size + 1 });
  };
  const visit = (node: DirectoryNode, parent: DirectoryNode | undefined): void => {
    const children = [...node.children].map(([name, child]) => ({ name: utf8(name), node: child }));
    children.sort((a, b) => compareNames(a.name, b.name));
    for (const child of children) if (child.node.$case === "directory") visit(child.node, node);
    for (const child of children) {
      // A further name of the same leaf is no inode of its own.
      if (!order.has(child.node)) add({ node: child.node, children: [], parent: undefined });
    }
    add({ node, children, parent });
  };
  visit(root, undefined);
  return order;
}

/** Names of each leaf, and 2 for every directory plus one for each directory in it. */
function countLinks(order: ReadonlyMap<Node, Planned>): Map<Node, number> {
  const links = new Map<Node, number>();
  const count = (node: Node): void => void links.set(node, (links.get(node) ?? 0) + 1);
  for (const { node, children } of order.values()) {
    if (node.$case === "directory") links.set(node, (links.get(node) ?? 0) + 1);
    for (const child of children) {
      count(child.node);
      if (child.node.$case === "directory") count(node);
    }
  }
  return links;
}

/** Writes all tables of an image behind its data (squashfs.rst): inodes, directories, fragments, export, ids, xattrs. */
export async function writeTables(
  root: DirectoryNode,
  fragments: readonly Fragment[],
  mtime: number,
  encode: BlockEncoder,
  output: BlockOutput,
): Promise<Tables> {
  const xattrs = new XattrTable(encode);
  const inodes = new MetadataTable(encode);
  const directories = new MetadataTable(encode);
  const order = plan(root);
  const refs = await fillTables(order, mtime, { xattrs, inodes, directories });
  const inodeTable = await inodes.writeTo(output);
  const directoryTable = await directories.writeTo(output);
  const fragmentEntries = fragments.map(({ start, sizeWord }) => fragmentEntry.encode({ start, size: sizeWord }));
  const fragmentTable = await writeIndexed(fragmentEntries, encode, output);
  const inodeRefs = words(64, [...refs.values()].map(refNumber));
  const exportTable = await writeIndexed([inodeRefs], encode, output);
  // One owner, root, as user and group (imager.md 5.5).
  const idTable = await writeIndexed([words(32, [0])], encode, output);
  const xattrTable = await xattrs.writeTo(output);
  const rootInode = refNumber(refs.get(root)!);
  return {
    inodes: order.size,
    rootInode,
    inodeTable,
    directoryTable,
    fragmentTable,
    exportTable,
    idTable,
    xattrTable,
  };
}

/** Fills inode, directory and attribute tables; gives each node's place in the inode table, in inode order. */
async function fillTables(
  order: ReadonlyMap<Node, Planned>,
  mtime: number,
  tables: { xattrs: XattrTable; inodes: MetadataTable; directories: MetadataTable },
): Promise<Map<Node, MetadataRef>> {
  const refs = new Map<Node, MetadataRef>();
  const links = countLinks(order);
  for (const { node, number, children, parent } of order.values()) {
    const { mode } = node.attributes;
    const xattr = await tables.xattrs.idOf(node.attributes.xattrs);
    const common: InodeCommon = { mode, mtime, number, xattr, links: links.get(node)! };
    let inode: Uint8Array;
    if (node.$case === "directory") {
      const entries = children.map(({ name, node: child }) => ({
        name,
        number: order.get(child)!.number,
        ref: refs.get(child)!,
        type: TYPES[child.$case],
      }));
      const listing = await writeListing(entries, tables.directories);
      inode = encodeDirectory(common, { ...listing, parent: parent ? order.get(parent)!.number : order.size + 1 });
    } else {
      inode = encodeLeaf(common, node);
    }
    refs.set(node, tables.inodes.position);
    await tables.inodes.append(inode);
  }
  return refs;
}

async function writeListing(
  entries: readonly ListingEntry[],
  directories: MetadataTable,
): Promise<{ listing: MetadataRef; listingBytes: number; index: IndexPoint[] }> {
  const listing = directories.position;
  const index: IndexPoint[] = [];
  let listingBytes = 0;
  for (const { bytes, firstName } of encodeListing(entries)) {
    if (listingBytes > 0) index.push({ at: listingBytes, block: directories.position.block, firstName });
    await directories.append(bytes);
    listingBytes += bytes.length;
  }
  return { listing, listingBytes, index };
}

/** A table found through a list of its blocks' offsets; gives where that list is. */
async function writeIndexed(
  records: readonly Uint8Array[],
  encode: BlockEncoder,
  output: BlockOutput,
): Promise<number> {
  const table = new MetadataTable(encode);
  for (const record of records) await table.append(record);
  const start = await table.writeTo(output);
  const index = output.position;
  await output.write(
    words(
      64,
      table.starts.map((at) => start + at),
    ),
  );
  return index;
}
