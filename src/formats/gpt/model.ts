import type { Guid } from "../../bytes/guid.ts";
import { FactoryError } from "../../errors.ts";
import type { Placement, Recipe } from "../../extents/index.ts";
import { ENTRY_COUNT, NAME_UNITS } from "./layout.ts";

export type GptErrorCode = "disk_size" | "partition_invalid" | "no_space" | "content_too_large";

/** What the GPT writer refuses; messages name the partition. */
export class GptError extends FactoryError<GptErrorCode> {}

/** A partition to allocate. */
export interface GptPartition {
  /** Up to 36 UTF-16 units. */
  readonly name: string;
  readonly type: Guid;
  readonly guid: Guid;
  /** Attribute bits; default none. */
  readonly attributes?: bigint;
  /** Rounded down to whole sectors; 0 means the largest range that can be allocated. */
  readonly sizeBytes: number;
  /** Content from the partition's first byte; the rest is zeros. */
  readonly content?: Recipe;
}

export interface GptDisk {
  /** Size of the image in bytes; what is left after the last full sector stays zero. */
  readonly sizeBytes: number;
  /** 512 (default) to 65536 bytes; disks have 512 or 4096. */
  readonly sectorSize?: number;
  readonly diskGuid: Guid;
  /** In the order of their numbers. */
  readonly partitions: readonly GptPartition[];
  /** Sectors by which the primary entry array is moved behind LBA 2 (an overlay's offset, outputs.md 6.5). */
  readonly entryArrayOffsetLba?: number;
  /** Up to 446 bytes for the start of LBA 0. */
  readonly bootCode?: Uint8Array;
  /** What stood on the disk before its first partition; it stays where nothing of the table is written over it. */
  readonly before?: readonly Placement[];
}

/** A partition and the sectors it got. */
export interface PlacedPartition extends GptPartition {
  readonly firstLba: number;
  readonly lastLba: number;
}

/** Refuses lists and partitions that entries cannot describe. */
export function checkPartitions(partitions: readonly GptPartition[], sectorSize: number): void {
  if (partitions.length > ENTRY_COUNT) {
    throw new GptError("partition_invalid", `gpt: ${partitions.length} partitions are more than ${ENTRY_COUNT}`);
  }
  for (const { name, sizeBytes, attributes = 0n } of partitions) {
    const refuse = (reason: string): never => {
      throw new GptError("partition_invalid", `gpt partition ${JSON.stringify(name.slice(0, 80))}: ${reason}`);
    };
    if (name.length > NAME_UNITS || name.includes("\0")) refuse(`name is not ${NAME_UNITS} characters without NUL`);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) refuse(`${sizeBytes} is not a size in bytes`);
    if (sizeBytes > 0 && sizeBytes < sectorSize) refuse(`${sizeBytes} bytes are less than a sector of ${sectorSize}`);
    if (attributes < 0n || attributes >= 1n << 64n) refuse("attributes do not fit 64 bits");
  }
}
