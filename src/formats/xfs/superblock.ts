import { concatBytes } from "../../bytes/text.ts";
import { blockNumber, GROUPS, LOG_BLOCKS, LOG_GROUP, type XfsFeatures, type XfsGeometry } from "./geometry.ts";
import { logRecord, NULL64, seal, superblock } from "./layout.ts";

/** What superblocks say beside the geometry. */
export interface VolumeFields {
  readonly label: string;
  readonly uuid: string;
  /** Numbers of root, realtime bitmap and realtime summary. */
  readonly inodes: readonly [number, number, number];
}

/** Counts that only the first superblock has right. */
export interface VolumeCounts {
  readonly inodes: number;
  readonly freeInodes: number;
  readonly freeBlocks: number;
}

/** Version 5 with its fixed features; bits for large sectors and for attributes (XFS "Superblocks", outputs.md 2.9.4). */
const VERSION = 0xb4a5;
const VERSION_SECTORS = 0x0800;
const VERSION_ATTRIBUTES = 0x0010;
/** Lazy counters, attributes 2, 32-bit projects, checksums. */
const FEATURES2 = 0x18a;
const LARGE_SECTOR = 4096;
const LOG_SECTOR = 512;

/** What differs between a volume's superblocks. */
interface State extends VolumeCounts {
  readonly inProgress: number;
  readonly version: number;
  /** Root, realtime bitmap and realtime summary, as far as they are known. */
  readonly numbers: readonly number[];
}

function encode(
  geometry: XfsGeometry,
  features: XfsFeatures,
  { label, uuid }: VolumeFields,
  { version, numbers, ...state }: State,
): Uint8Array {
  const { blocks, sectorBytes, groupBlocks, groupBlockLog } = geometry;
  const large = sectorBytes === LARGE_SECTOR;
  const [rootInode = NULL64, realtimeBitmapInode = NULL64, realtimeSummaryInode = NULL64] = numbers.map(BigInt);
  const bytes = superblock.encode({
    ...state,
    ...{ blocks, uuid, rootInode, realtimeBitmapInode, realtimeSummaryInode, groupBlocks, groupBlockLog, label },
    logStart: blockNumber(geometry, LOG_GROUP, geometry.firstFree),
    groups: GROUPS,
    logBlocks: LOG_BLOCKS,
    version: VERSION | (large ? VERSION_SECTORS : 0) | version,
    sectorBytes,
    sectorLog: Math.log2(sectorBytes),
    logSectorLog: large ? Math.log2(LARGE_SECTOR) : 0,
    logSectorBytes: large ? LARGE_SECTOR : 0,
    logStripeUnit: large ? LARGE_SECTOR : 1,
    features2: FEATURES2,
    badFeatures2: FEATURES2,
    readOnlyCompatible: features.readOnlyCompatible,
    incompatible: features.incompatible,
  });
  return seal(concatBytes(bytes, new Uint8Array(sectorBytes - bytes.length)), superblock.offsets.checksum);
}

/** Groups whose copies were written again once the root was there (rewrite_secondary_superblocks in xfs_mkfs.c). */
const KNOW_ROOT: readonly number[] = [Math.floor((GROUPS - 1) / 2), GROUPS - 1];

/** The superblocks of all groups, a sector each: the first is right, the others are as the volume was when empty. */
export function superblocks(
  geometry: XfsGeometry,
  features: XfsFeatures,
  fields: VolumeFields,
  counts: VolumeCounts,
): readonly Uint8Array[] {
  const empty = { inodes: 0, freeInodes: 0, freeBlocks: geometry.blocks - GROUPS * geometry.firstFree - LOG_BLOCKS };
  const [root] = fields.inodes;
  return Array.from({ length: GROUPS }, (_, group) => {
    const state =
      group === 0
        ? { ...counts, inProgress: 0, version: VERSION_ATTRIBUTES, numbers: fields.inodes }
        : {
            ...{ ...empty, inProgress: 1, version: features.parents ? VERSION_ATTRIBUTES : 0 },
            numbers: KNOW_ROOT.includes(group) ? [root] : [],
          };
    return encode(geometry, features, fields, state);
  });
}

/** Length, client and flags of an unmount operation, and its magic (XFS "Log Operations"; bytes from outputs.md 2.9.4). */
const UNMOUNT = Uint8Array.of(0, 0, 0, 8, 0xaa, 0x20, 0, 0, 0x6e, 0x55, 0, 0);

/** The head of a cleanly unmounted log: one record that says so. Every sector of it starts with the cycle's number. */
export function cleanLog({ sectorBytes }: XfsGeometry, uuid: string): Uint8Array {
  const bodyBytes = sectorBytes === LARGE_SECTOR ? LARGE_SECTOR - LOG_SECTOR : LOG_SECTOR;
  const bytes = new Uint8Array(LOG_SECTOR + bodyBytes);
  const view = new DataView(bytes.buffer);
  logRecord.write(view, 0, { bodyBytes, uuid });
  for (let at = LOG_SECTOR; at < bytes.length; at += LOG_SECTOR) view.setUint32(at, 1);
  bytes.set(UNMOUNT, LOG_SECTOR + 4);
  return bytes;
}
