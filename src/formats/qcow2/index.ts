/**
 * qcow2 images of version 3 (QEMU docs/interop/qcow2.txt), in the order `qemu-img convert` writes them (outputs.md 4.2).
 *
 * Written: header with feature name table, refcounts of 16 bits, L1 and L2 tables, data clusters by reference. Areas of zeros
 * stay unallocated. Not written: backing files, snapshots, compressed or encrypted clusters.
 * Refused: cluster sizes qemu does not know, disks whose L1 table would be too large for qemu.
 *
 * | limit | value |
 * |---|---|
 * | cluster | 512 bytes to 2 MiB, a power of two |
 * | L1 table | 32 MiB |
 */
export { DEFAULT_CLUSTER_BYTES, isClusterSize, Qcow2Error, type Qcow2ErrorCode } from "./model.ts";
export { openQcow2 } from "./read.ts";
export { qcow2Image } from "./write.ts";
