import { array, type Field } from "../../bytes/struct.ts";
import { reverseKey, reverseRecord, treeBlock } from "./blocks.ts";
import { diskAddress, type XfsGeometry } from "./geometry.ts";
import { BLOCK_BYTES, NULL32, seal } from "./layout.ts";
import type { Mapping } from "./mappings.ts";
import { XfsError } from "./model.ts";

const SPACE = BLOCK_BYTES - treeBlock.size;
const POINTER_BYTES = 4;
/** Reverse mappings in one leaf, and children of one node: each has its lowest and its highest key. */
const MAPPINGS_PER_LEAF = Math.floor(SPACE / reverseRecord.size);
const CHILDREN_PER_NODE = Math.floor(SPACE / (2 * reverseKey.size + POINTER_BYTES));

/** The group a tree is in, and what its blocks say of the volume. */
export interface TreePlace {
  readonly geometry: XfsGeometry;
  readonly uuid: string;
  readonly group: number;
}

/** A block of a group. */
export interface GroupBlock {
  readonly block: number;
  readonly bytes: Uint8Array;
}

interface Node {
  readonly block: number;
  readonly magic: string;
  readonly level?: number;
  readonly records: number;
  readonly left?: number | undefined;
  readonly right?: number | undefined;
}

function encodeBlock({ geometry, uuid, group }: TreePlace, node: Node, body: (view: DataView) => void): GroupBlock {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  const { block, magic, level = 0, records, left = NULL32, right = NULL32 } = node;
  const address = diskAddress(geometry, group, block);
  treeBlock.write(view, 0, { magic, level, records, left, right, address, uuid, group });
  body(view);
  return { block, bytes: seal(bytes, treeBlock.offsets.checksum) };
}

/** A tree of one block with sorted records. Throws `too_fragmented` when they do not fit. */
export function oneLeaf<T>(
  place: TreePlace,
  node: { readonly block: number; readonly magic: string },
  record: Field<T>,
  values: readonly T[],
): GroupBlock {
  if (values.length * record.size > SPACE) {
    throw new XfsError("too_fragmented", `xfs: group ${place.group}: ${values.length} records do not fit a block`);
  }
  const records = array(record, values.length);
  return encodeBlock(place, { ...node, records: values.length }, (view) => records.write(view, treeBlock.size, values));
}

/** Blocks the tree of `count` mappings has below its root; none when the root holds them itself. */
export function reverseLeaves(count: number): number {
  return count <= MAPPINGS_PER_LEAF ? 0 : Math.ceil(count / MAPPINGS_PER_LEAF);
}

/**
 * The reverse mapping tree with its root in block `root` and leaves in `leaves`, as many as `reverseLeaves` says.
 * Throws `too_fragmented` for more than two levels hold.
 */
export function reverseTree(
  place: TreePlace,
  root: number,
  leaves: readonly number[],
  mappings: readonly Mapping[],
): readonly GroupBlock[] {
  const magic = "RMB3";
  const leaf = (block: number, part: readonly Mapping[], left?: number, right?: number): GroupBlock => {
    const records = array(reverseRecord, part.length);
    const values = part.map((mapping) => ({ ...mapping, owner: BigInt.asUintN(64, mapping.owner) }));
    return encodeBlock(place, { block, magic, records: part.length, left, right }, (view) =>
      records.write(view, treeBlock.size, values),
    );
  };
  if (leaves.length === 0) return [leaf(root, mappings)];
  if (leaves.length > CHILDREN_PER_NODE) {
    throw new XfsError("too_fragmented", `xfs: group ${place.group}: ${mappings.length} extents are too many`);
  }
  // Evenly: a leaf must be at least half full.
  const cut = (i: number): number => Math.round((i * mappings.length) / leaves.length);
  const parts = leaves.map((_, i) => mappings.slice(cut(i), cut(i + 1)));
  const top = encodeBlock(place, { block: root, magic, level: 1, records: leaves.length }, (view) => {
    for (const [i, part] of parts.entries()) {
      const at = treeBlock.size + i * 2 * reverseKey.size;
      reverseKey.write(view, at, lowKey(part[0]!));
      reverseKey.write(view, at + reverseKey.size, highKey(part.at(-1)!));
      view.setUint32(treeBlock.size + CHILDREN_PER_NODE * 2 * reverseKey.size + i * POINTER_BYTES, leaves[i]!);
    }
  });
  return [top, ...parts.map((part, i) => leaf(leaves[i]!, part, leaves[i - 1], leaves[i + 1]))];
}

type Key = { readonly start: number; readonly owner: bigint; readonly offset: number };

function lowKey({ start, owner, offset }: Mapping): Key {
  return { start, owner: BigInt.asUintN(64, owner), offset };
}

/** The last block a mapping covers; offsets of owners that are no files stay 0. */
function highKey({ start, count, owner, offset }: Mapping): Key {
  const last = count - 1;
  return { start: start + last, owner: BigInt.asUintN(64, owner), offset: owner < 0n ? 0 : offset + last };
}
