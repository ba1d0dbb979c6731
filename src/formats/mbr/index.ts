/**
 * Master boot records: the protective one of GPT disks (outputs.md 2.4) and the plain one of UEFI
 * ISOs (outputs.md 3.5).
 *
 * Written: boot code of up to 446 bytes as given, up to four inactive partitions with CHS addresses.
 * Refused: extended partitions, sectors beyond 2^32.
 */
export { type ByteRange, masterBootRecord, PROTECTIVE_FIELDS } from "./layout.ts";
export {
  type DiskGeometry,
  MbrError,
  type MbrErrorCode,
  type MbrPartition,
  masterBoot,
  protectiveMbr,
} from "./write.ts";
