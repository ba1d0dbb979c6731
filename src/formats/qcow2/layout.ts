// QEMU docs/interop/qcow2.txt; all numbers are big-endian.
import { ascii, constant, flags64be, struct, u8, u32be, u64be, zeros } from "../../bytes/struct.ts";

/** Size of a version 3 header with the compression type field ("header_length"). */
const HEADER_BYTES = 112;

/** 16-bit refcounts: 1 << 4 bits. */
const REFCOUNT_ORDER = 4;
export const REFCOUNT_BYTES = 2 ** REFCOUNT_ORDER / 8;

/** An entry of the L1, L2 and refcount tables: 64 bits, in halves because flags and offset together are no safe integer. */
export const ENTRY = struct({ name: "qcow2 table entry", size: 8 }, { high: u32be, low: u32be });

/** Flag in the high half of an L1 or L2 entry: exactly one reference to the cluster ("QCOW_OFLAG_COPIED"). */
export const COPIED = 2 ** 31;

export const HEADER = struct(
  { name: "qcow2 header", size: HEADER_BYTES },
  {
    magic: constant(ascii(3), "QFI"),
    magicEnd: constant(u8, 0xfb),
    version: constant(u32be, 3),
    backingFile: zeros(12),
    clusterBits: u32be,
    virtualSize: u64be,
    encryption: constant(u32be, 0),
    l1Entries: u32be,
    l1Offset: u64be,
    refcountTableOffset: u64be,
    refcountTableClusters: u32be,
    snapshots: zeros(12),
    incompatibleFeatures: constant(flags64be, 0n),
    compatibleFeatures: constant(flags64be, 0n),
    autoclearFeatures: constant(flags64be, 0n),
    refcountOrder: constant(u32be, REFCOUNT_ORDER),
    headerLength: constant(u32be, HEADER_BYTES),
    /** zlib, although no cluster is compressed. */
    compressionType: constant(u8, 0),
    padding: zeros(7),
  },
);

/** Header extension "feature name table". */
const FEATURE_NAMES = 0x6803f857;
const EXTENSION = struct({ name: "qcow2 header extension", size: 8 }, { type: u32be, length: u32be });
const FEATURE = struct({ name: "qcow2 feature name", size: 48 }, { kind: u8, bit: u8, name: ascii(46) });

/** What qemu 7.2 knows: incompatible (0), compatible (1) and autoclear (2) features. */
const FEATURES: readonly (readonly [number, number, string])[] = [
  [0, 0, "dirty bit"],
  [0, 1, "corrupt bit"],
  [0, 2, "external data file"],
  [0, 3, "compression type"],
  [0, 4, "extended L2 entries"],
  [1, 0, "lazy refcounts"],
  [2, 0, "bitmaps"],
  [2, 1, "raw external data"],
];

/** The extension with the names of all features; the zeros behind it end the list of extensions. */
export function featureNames(): readonly Uint8Array[] {
  const names = FEATURES.map(([kind, bit, name]) => FEATURE.encode({ kind, bit, name }));
  return [EXTENSION.encode({ type: FEATURE_NAMES, length: names.length * FEATURE.size }), ...names];
}

/** qemu writes the names only into clusters above this size (seen with qemu-img 7.2). */
export const NAMES_ABOVE_BYTES = 4096;
