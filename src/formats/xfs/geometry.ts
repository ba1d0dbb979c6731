import { GiB, MiB } from "../../bytes/align.ts";
import { BLOCK_BYTES, DISK_ADDRESS_BYTES, INODES_PER_BLOCK } from "./layout.ts";
import { XfsError, type XfsFeatureSet } from "./model.ts";

/** What a set of features changes in the layout, and its bits in the superblock (outputs.md 2.9.4). */
export interface XfsFeatures {
  readonly readOnlyCompatible: number;
  readonly incompatible: number;
  /** Every group has a tree of who owns which blocks. */
  readonly reverseMap: boolean;
  /** 64-bit extent counters. */
  readonly largeCounters: boolean;
  /** Inodes name their directory. */
  readonly parents: boolean;
  /** Value of the root's `xfs:autofsck` attribute: on when mkfs.xfs 7.2 is not told otherwise. */
  readonly selfRepair: string;
}

const LTS_6_1: XfsFeatures = {
  readOnlyCompatible: 0x0d,
  incompatible: 0x0b,
  reverseMap: false,
  largeCounters: false,
  parents: false,
  selfRepair: "none",
};
const LTS_6_6: XfsFeatures = {
  ...LTS_6_1,
  readOnlyCompatible: 0x0f,
  incompatible: 0x2b,
  reverseMap: true,
  largeCounters: true,
};
const LTS_6_18: XfsFeatures = { ...LTS_6_6, incompatible: 0xeb, parents: true, selfRepair: "repair" };

export const FEATURES: Readonly<Record<XfsFeatureSet, XfsFeatures>> = {
  "lts_6.1": LTS_6_1,
  "lts_6.6": LTS_6_6,
  "lts_6.12": LTS_6_6,
  "lts_6.18": LTS_6_18,
};

export const GROUPS = 4;
/** The log lies in the middle group and has 64 MiB (outputs.md 2.9.4). */
export const LOG_GROUP = GROUPS / 2;
export const LOG_BLOCKS = (64 * MiB) / BLOCK_BYTES;
/** The least mkfs.xfs makes. */
const MIN_BYTES = 300 * MiB;
/** From here on mkfs.xfs makes larger logs: one part in 2048. */
const MAX_BYTES = 128 * GiB;

/** Where the fixed parts of a volume lie. Blocks have 4096 bytes and are counted from the start of their group. */
export interface XfsGeometry {
  readonly sectorBytes: number;
  /** Whole blocks of the volume. */
  readonly blocks: number;
  /** Blocks of every group but the last, which may be shorter. */
  readonly groupBlocks: number;
  /** Bits of a block number within its group. */
  readonly groupBlockLog: number;
  /** Roots of a group's trees; 0 where there is none. */
  readonly roots: {
    readonly byBlock: number;
    readonly bySize: number;
    readonly inodes: number;
    readonly freeInodes: number;
    readonly reverse: number;
    readonly references: number;
  };
  /** First block behind headers and roots; the log's place in its group. */
  readonly firstFree: number;
  /** Blocks kept ready for growing trees. */
  readonly freeListBlocks: number;
}

/** The geometry mkfs.xfs chooses for `sizeBytes` (outputs.md 2.9.4). Throws `volume_size`. */
export function xfsGeometry(sizeBytes: number, sectorBytes: number, { reverseMap }: XfsFeatures): XfsGeometry {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < MIN_BYTES || sizeBytes > MAX_BYTES) {
    throw new XfsError("volume_size", `xfs volume of ${sizeBytes} bytes: not between 300 MiB and 128 GiB`);
  }
  if (sectorBytes !== 512 && sectorBytes !== BLOCK_BYTES) {
    throw new XfsError("volume_size", `xfs sector size ${sectorBytes}: not 512 or ${BLOCK_BYTES}`);
  }
  const blocks = Math.floor(sizeBytes / BLOCK_BYTES);
  const groupBlocks = Math.ceil(blocks / GROUPS);
  // Superblock and the three headers take a sector each.
  const first = Math.ceil((4 * sectorBytes) / BLOCK_BYTES);
  const references = first + (reverseMap ? 5 : 4);
  return {
    sectorBytes,
    blocks,
    groupBlocks,
    groupBlockLog: Math.ceil(Math.log2(groupBlocks)),
    roots: {
      byBlock: first,
      bySize: first + 1,
      inodes: first + 2,
      freeInodes: first + 3,
      reverse: reverseMap ? first + 4 : 0,
      references,
    },
    firstFree: references + 1,
    freeListBlocks: reverseMap ? 6 : 4,
  };
}

/** Blocks of a group: the last one has what is left. */
export function groupLength({ blocks, groupBlocks }: XfsGeometry, group: number): number {
  return Math.min(groupBlocks, blocks - group * groupBlocks);
}

/** Byte offset of a group's block within the volume. */
export function byteOffset({ groupBlocks }: XfsGeometry, group: number, block: number): number {
  return (group * groupBlocks + block) * BLOCK_BYTES;
}

/** The same as a count of 512-byte units, as blocks name themselves. */
export function diskAddress(geometry: XfsGeometry, group: number, block: number): number {
  return byteOffset(geometry, group, block) / DISK_ADDRESS_BYTES;
}

/** A block's number as files refer to it: group and block in bit fields. */
export function blockNumber({ groupBlockLog }: XfsGeometry, group: number, block: number): number {
  return group * 2 ** groupBlockLog + block;
}

/** Number of an inode from its group and its place there, counted in inodes. */
export function inodeNumber(geometry: XfsGeometry, group: number, place: number): number {
  return blockNumber(geometry, group, 0) * INODES_PER_BLOCK + place;
}
