/**
 * Stream-optimised VMDK images (VMware "Virtual Disk Format 1.1"), laid out as open-vmdk's `vmdk-convert` does
 * (outputs.md 4.4).
 *
 * Written: header, descriptor, grain directory and tables in front, grains as zlib streams in ascending order, end-of-stream
 * marker. Grains of zeros are left out. Not written: redundant tables, a footer. Bytes are never read here: each grain is
 * compressed outside, or stored by reference, for which its Adler-32 must be given.
 * Refused: grains that are not described, disks above what tables of 32-bit sector numbers reach.
 *
 * | limit | value |
 * |---|---|
 * | grain | 64 KiB |
 * | disk | 62 TiB |
 * | image | 2 TiB |
 */
export {
  GRAIN_BYTES,
  type GrainForm,
  type PackedGrains,
  VmdkError,
  type VmdkErrorCode,
  type VmdkPart,
  vmdkParts,
} from "./model.ts";
export { openVmdk } from "./read.ts";
export { vmdkImage } from "./write.ts";
