import { concatBytes } from "../../bytes/text.ts";
import type { FileExtent } from "./allocate.ts";
import { blockNumber, type XfsFeatures, type XfsGeometry } from "./geometry.ts";
import { INODE_BYTES, inodeCore, seal } from "./layout.ts";

/** Where the data or attributes of an inode are (XFS "Inode Core"). */
const FORMAT = { device: 0, local: 1, extents: 2 } as const;

/** File type bits of the mode. */
export const MODE = { directory: 0o040000, file: 0o100000 } as const;

/** Inode flags (XFS "Inode Core"): blocks were allocated ahead; the realtime bitmap has the newer format. */
export const FLAG = { preallocated: 2, newBitmap: 4 } as const;
const FLAG2 = { bigTime: 8, largeCounters: 16 } as const;

/** Bytes behind the core, shared by the data fork and the attribute fork. */
const FORK_BYTES = INODE_BYTES - inodeCore.size;
const FORK_UNIT = 8;
/** Where the attribute fork starts in inodes made with one, in units of 8 bytes (outputs.md 2.9.4). */
const DEFAULT_FORK_OFFSET = 24;
/** Where it starts when a short attribute comes later, as the root's does. */
export const LATE_FORK_OFFSET = 37;

export const EXTENT_BYTES = 16;

/** Flags of an attribute: only root may see it; it names a directory the inode is in (XFS "Attribute Forks"). */
export const ATTRIBUTE = { root: 2, parent: 8 } as const;

/** An inode's only attribute. */
export interface Attribute {
  readonly flags: number;
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** Seeded by `DETERMINISTIC_SEED` (outputs.md 2.9.4): every inode but the root has it. */
export const GENERATION = 0x53454544;

/** The contents of a data fork: bytes held in the inode, or extents. */
export type DataFork =
  | { readonly $case: "local"; readonly bytes: Uint8Array }
  | { readonly $case: "extents"; readonly extents: readonly FileExtent[] };

export interface Inode {
  readonly number: number;
  /** File type and permission bits. */
  readonly mode: number;
  readonly links: number;
  readonly sizeBytes: number;
  readonly flags: number;
  readonly generation: number;
  /** How many transactions of mkfs.xfs would have changed it. */
  readonly changeCount: number;
  readonly data: DataFork;
  readonly attribute?: Attribute;
  /** Where the attribute fork starts, in units of 8 bytes; 0 for none. */
  readonly forkOffset: number;
  /** Time of last access where it is not the volume's: seconds since 1970. */
  readonly accessed?: number;
}

/** What all inodes of a volume share. */
export interface InodeContext {
  readonly uuid: string;
  readonly mtime: number;
  readonly features: XfsFeatures;
  readonly geometry: XfsGeometry;
}

/** Bytes of an attribute fork with one attribute in it (XFS "Shortform Attributes"). */
function attributeForkBytes({ name, value }: Attribute): number {
  return 4 + 3 + name.length + value.length;
}

/** Fork offset of an inode made with a parent attribute: less than the default for long names (xfs_attr_shortform_bytesfit). */
export function parentForkOffset(attribute: Attribute): number {
  return Math.min(DEFAULT_FORK_OFFSET, Math.floor((FORK_BYTES - attributeForkBytes(attribute)) / FORK_UNIT));
}

/** Bytes the data fork has; all of them without attributes. */
export function dataForkBytes(forkOffset: number): number {
  return forkOffset === 0 ? FORK_BYTES : forkOffset * FORK_UNIT;
}

/** Nanoseconds since the end of 1901, the "big time" of inodes (XFS "Timestamps"). */
function timestamp(seconds: number): bigint {
  return (BigInt(seconds) + 2n ** 31n) * 1_000_000_000n;
}

/** One packed extent: 54 bits of offset, 52 of block number, 21 of length (XFS "Extent List"). */
function packExtent({ group, start, offset, count }: FileExtent, geometry: XfsGeometry): Uint8Array {
  const bytes = new Uint8Array(EXTENT_BYTES);
  const packed = (BigInt(offset) << 73n) | (BigInt(blockNumber(geometry, group, start)) << 21n) | BigInt(count);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, packed >> 64n);
  view.setBigUint64(8, BigInt.asUintN(64, packed));
  return bytes;
}

function packAttribute(attribute: Attribute): Uint8Array {
  const { name, value, flags } = attribute;
  const total = attributeForkBytes(attribute);
  return concatBytes(Uint8Array.of(total >> 8, total & 0xff, 1, 0, name.length, value.length, flags), name, value);
}

/** An inode in use, with its forks. The caller has made sure that the data fork fits. */
export function encodeInode(inode: Inode, { uuid, mtime, features, geometry }: InodeContext): Uint8Array {
  const { data, forkOffset } = inode;
  const extents = data.$case === "extents" ? data.extents : [];
  const fork =
    data.$case === "local" ? data.bytes : concatBytes(...data.extents.map((extent) => packExtent(extent, geometry)));
  const now = timestamp(mtime);
  const bytes = new Uint8Array(INODE_BYTES);
  inodeCore.write(new DataView(bytes.buffer), 0, {
    mode: inode.mode,
    format: FORMAT[data.$case],
    links: inode.links,
    largeExtents: features.largeCounters ? extents.length : 0,
    accessed: inode.accessed === undefined ? now : timestamp(inode.accessed),
    modified: now,
    changed: now,
    sizeBytes: inode.sizeBytes,
    blocks: extents.reduce((sum, { count }) => sum + count, 0),
    extents: features.largeCounters ? 0 : extents.length,
    forkOffset,
    attributeFormat: inode.attribute ? FORMAT.local : FORMAT.extents,
    flags: inode.flags,
    generation: inode.generation,
    changeCount: inode.changeCount,
    flags2: FLAG2.bigTime | (features.largeCounters ? FLAG2.largeCounters : 0),
    created: now,
    number: inode.number,
    uuid,
  });
  bytes.set(fork, inodeCore.size);
  if (inode.attribute) bytes.set(packAttribute(inode.attribute), inodeCore.size + forkOffset * FORK_UNIT);
  return seal(bytes, inodeCore.offsets.checksum);
}

/** An inode of a chunk that nothing uses yet. */
export function encodeFreeInode(number: number, uuid: string): Uint8Array {
  const bytes = new Uint8Array(INODE_BYTES);
  inodeCore.write(new DataView(bytes.buffer), 0, {
    ...{ mode: 0, format: FORMAT.device, links: 0, largeExtents: 0, accessed: 0n, modified: 0n, changed: 0n },
    ...{ sizeBytes: 0, blocks: 0, extents: 0, forkOffset: 0, attributeFormat: FORMAT.device, flags: 0 },
    ...{ generation: GENERATION, changeCount: 0, flags2: 0, created: 0n, number, uuid },
  });
  return seal(bytes, inodeCore.offsets.checksum);
}
