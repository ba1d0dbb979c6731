import { inline, type Placement, type Recipe, slice } from "../../extents/index.ts";
import { type Arrangement, inodeNumber, type Mapping } from "./arrange.ts";
import { inodeSeed } from "./checksum.ts";
import { cutIntoBlocks, DOT, DOT_DOT, encodeDirectoryBlock } from "./directory.ts";
import { encodeExtentTree } from "./extenttree.ts";
import { blocksIn } from "./geometry.ts";
import { encodeInode, type InodeFields } from "./inode.ts";
import { BLOCK_MAP_BYTES, FILE_TYPES, FLAG_EXTENTS, INODE_BYTES, LINK_MAX, ORPHAN_INODE } from "./layout.ts";
import type { Node } from "./tree.ts";

/** Encodes inodes and places what they hold. */
export class TreeWriter {
  /** Bodies, directory blocks and extent tree blocks at byte offsets of the volume. */
  readonly parts: Placement[] = [];
  /** How many inodes of each group are directories. */
  readonly directories: number[];
  /** The highest inode number in use. */
  readonly lastInode: number;
  readonly #arrangement: Arrangement;
  readonly #nodes: readonly Node[];
  readonly #time: number;
  readonly #seed: number;
  /** The inode tables of all groups as one, as far as they are used. */
  readonly #inodes: Uint8Array;

  /** `time` is in seconds since 1970; `seed` the volume's checksum seed. */
  constructor(arrangement: Arrangement, nodes: readonly Node[], time: number, seed: number) {
    this.#arrangement = arrangement;
    this.#nodes = nodes;
    this.#time = time;
    this.#seed = seed;
    this.directories = Array.from(arrangement.tables, () => 0);
    this.lastInode = Math.max(this.#number(nodes.length - 1), arrangement.journal ? ORPHAN_INODE : 0);
    this.#inodes = new Uint8Array(this.lastInode * INODE_BYTES);
  }

  /** Writes every node of the tree; to be called once. */
  writeNodes(): void {
    for (const place of this.#nodes.keys()) this.#writeNode(place);
  }

  /** Writes an inode as it is. */
  setInode(number: number, fields: InodeFields): void {
    const bytes = encodeInode(fields, this.#time, inodeSeed(this.#seed, number));
    this.#inodes.set(bytes, (number - 1) * INODE_BYTES);
  }

  /** Writes the inode of contents that lie at `mapping`, and its extent tree; gives the inode's own part of that. */
  setMapped(number: number, mapping: Mapping, fields: Pick<InodeFields, "mode" | "links" | "sizeBytes">): Uint8Array {
    const { blockSize } = this.#arrangement.geometry;
    const { map, blocks } = encodeExtentTree(mapping.runs, mapping.tree, blockSize, inodeSeed(this.#seed, number));
    for (const { block, bytes } of blocks) this.parts.push({ offset: block * blockSize, content: inline(bytes) });
    const allocated = blocksIn(mapping.runs) + mapping.tree.length;
    this.setInode(number, { ...fields, flags: FLAG_EXTENTS, allocatedBytes: allocated * blockSize, blockMap: map });
    return map;
  }

  /** The used parts of the inode tables. */
  tableParts(): readonly Placement[] {
    const { geometry, tables } = this.#arrangement;
    const perGroup = geometry.inodesPerGroup * INODE_BYTES;
    return tables.slice(0, Math.ceil(this.#inodes.length / perGroup)).map(({ inodeTable }, group) => ({
      offset: inodeTable * geometry.blockSize,
      content: inline(this.#inodes.subarray(group * perGroup, (group + 1) * perGroup)),
    }));
  }

  #number(place: number): number {
    return inodeNumber(place, this.#arrangement.journal !== undefined);
  }

  #writeNode(place: number): void {
    const { mode, body } = this.#nodes[place]!;
    const mapping = this.#arrangement.mappings[place]!;
    const number = this.#number(place);
    switch (body.$case) {
      case "file":
        this.setMapped(number, mapping, { mode, links: 1, sizeBytes: body.content.size });
        this.#placeBody(mapping, body.content);
        return;
      case "symlink":
        this.#writeLink(number, mapping, mode, body.target);
        return;
      case "directory":
        this.#writeDirectory(number, mapping, place, body.children);
        return;
    }
  }

  #writeLink(number: number, mapping: Mapping, mode: number, target: Uint8Array): void {
    const fields = { mode, links: 1, sizeBytes: target.length };
    if (mapping.runs.length > 0) {
      this.setMapped(number, mapping, fields);
      this.#placeBody(mapping, inline(target));
      return;
    }
    const blockMap = new Uint8Array(BLOCK_MAP_BYTES);
    blockMap.set(target);
    this.setInode(number, { ...fields, flags: 0, allocatedBytes: 0, blockMap });
  }

  #writeDirectory(number: number, mapping: Mapping, place: number, children: readonly number[]): void {
    const { geometry } = this.#arrangement;
    const { mode, parent } = this.#nodes[place]!;
    const targets = children.map((child) => {
      const { name, body } = this.#nodes[child]!;
      return { name, inode: this.#number(child), type: FILE_TYPES[body.$case] };
    });
    const type = FILE_TYPES.directory;
    const dots = [
      { ...DOT, inode: number, type },
      { ...DOT_DOT, inode: this.#number(parent), type },
    ];
    const blocks = cutIntoBlocks([...dots, ...targets], geometry.blockSize);
    const seed = inodeSeed(this.#seed, number);
    const subdirectories = targets.filter((target) => target.type === type).length;
    const links = subdirectories + 2 > LINK_MAX ? 1 : subdirectories + 2;
    let at = 0;
    for (const { first, count } of mapping.runs) {
      for (let i = 0; i < count; i++, at++) {
        const bytes = encodeDirectoryBlock(blocks[at] ?? [], geometry.blockSize, seed);
        this.parts.push({ offset: (first + i) * geometry.blockSize, content: inline(bytes) });
      }
    }
    this.setMapped(number, mapping, { mode, links, sizeBytes: at * geometry.blockSize });
    this.directories[Math.floor((number - 1) / geometry.inodesPerGroup)]!++;
  }

  #placeBody({ runs }: Mapping, content: Recipe): void {
    const { blockSize } = this.#arrangement.geometry;
    let at = 0;
    for (const { first, count } of runs) {
      const length = Math.min(count * blockSize, content.size - at);
      this.parts.push({ offset: first * blockSize, content: slice(content, at, length) });
      at += length;
    }
  }
}
