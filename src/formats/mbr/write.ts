import { FactoryError } from "../../errors.ts";
import {
  BOOT_CODE_BYTES,
  CHS_CYLINDERS,
  masterBootRecord,
  PROTECTIVE_CHS_FIRST,
  PROTECTIVE_CHS_LAST,
  type partitionSlot,
  SLOTS,
  TYPE_PROTECTIVE,
} from "./layout.ts";

export type MbrErrorCode = "boot_code_size" | "partition_invalid";

/** What a master boot record cannot hold. */
export class MbrError extends FactoryError<MbrErrorCode> {}

/** A partition slot; `firstLba` and `sectors` count sectors. */
export interface MbrPartition {
  /** Partition type byte, for example 0x83 (Linux) or 0xEF (EFI system partition). */
  readonly type: number;
  readonly firstLba: number;
  readonly sectors: number;
}

/** The disk geometry that CHS addresses are computed with. */
export interface DiskGeometry {
  readonly heads: number;
  readonly sectorsPerTrack: number;
}

type Slot = Parameters<typeof partitionSlot.encode>[0];

const EMPTY_SLOT: Slot = {
  status: 0,
  type: 0,
  firstLba: 0,
  sectors: 0,
  chsFirst: new Uint8Array(3),
  chsLast: new Uint8Array(3),
};

function encode(bootCode: Uint8Array, slots: readonly Slot[]): Uint8Array {
  if (bootCode.length > BOOT_CODE_BYTES) {
    throw new MbrError("boot_code_size", `mbr boot code: ${bootCode.length} bytes are more than ${BOOT_CODE_BYTES}`);
  }
  const code = new Uint8Array(BOOT_CODE_BYTES);
  code.set(bootCode);
  return masterBootRecord.encode({
    bootCode: code,
    partitions: Array.from({ length: SLOTS }, (_, i) => slots[i] ?? EMPTY_SLOT),
  });
}

/** CHS of a sector; what lies beyond the last cylinder becomes the last track's last sector, as xorriso writes it. */
function chs(lba: number, { heads, sectorsPerTrack }: DiskGeometry): Uint8Array {
  const track = Math.floor(lba / sectorsPerTrack);
  const cylinder = Math.floor(track / heads);
  const beyond = cylinder >= CHS_CYLINDERS;
  const [c, h, s] = beyond
    ? [CHS_CYLINDERS - 1, heads - 1, sectorsPerTrack]
    : [cylinder, track % heads, (lba % sectorsPerTrack) + 1];
  return Uint8Array.of(h, s | ((c >> 8) << 6), c & 0xff);
}

/**
 * The 512 bytes of a protective MBR over a disk whose last sector is `lastLba` (outputs.md 2.4). Boot
 * code of up to 446 bytes is kept in front. Throws `boot_code_size`.
 */
export function protectiveMbr(lastLba: number, bootCode: Uint8Array = new Uint8Array()): Uint8Array {
  const slot = {
    status: 0,
    type: TYPE_PROTECTIVE,
    firstLba: 1,
    sectors: Math.min(lastLba, 0xffffffff),
    chsFirst: PROTECTIVE_CHS_FIRST,
    chsLast: PROTECTIVE_CHS_LAST,
  };
  return encode(bootCode, [slot]);
}

/**
 * The 512 bytes of a plain MBR with up to four inactive partitions and no boot code (outputs.md 3.5,
 * UEFI column). Throws `partition_invalid` for too many, or for sectors that 32 bits cannot count.
 */
export function masterBoot(partitions: readonly MbrPartition[], geometry: DiskGeometry): Uint8Array {
  if (partitions.length > SLOTS) {
    throw new MbrError("partition_invalid", `mbr: ${partitions.length} partitions are more than ${SLOTS}`);
  }
  const slots = partitions.map(({ type, firstLba, sectors }, i) => {
    const end = firstLba + sectors;
    if (![firstLba, sectors].every(Number.isSafeInteger) || firstLba < 1 || sectors < 1 || end > 2 ** 32) {
      throw new MbrError(
        "partition_invalid",
        `mbr partition ${i + 1}: ${sectors} sectors at ${firstLba} do not fit 32 bits`,
      );
    }
    return { status: 0, type, firstLba, sectors, chsFirst: chs(firstLba, geometry), chsLast: chs(end - 1, geometry) };
  });
  return encode(new Uint8Array(), slots);
}
