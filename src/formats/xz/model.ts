import { MiB } from "../../bytes/align.ts";
import { crc32 } from "../../bytes/crc32.ts";
import { FactoryError } from "../../errors.ts";
import { extentsIn, type Recipe } from "../../extents/index.ts";

export type XzErrorCode = "xz_checks";

export class XzError extends FactoryError<XzErrorCode> {}

/** Content bytes of each block but the last: threads decode blocks side by side, and none needs much memory. */
export const XZ_BLOCK_BYTES = 8 * MiB;

/** A range of the content that becomes one block, in bytes. */
export interface XzBlock {
  readonly offset: number;
  readonly length: number;
  /** CRC32 of the range where it is known without reading, which is where it is zeros only. */
  readonly check: number | undefined;
}

const ZEROS = new Uint8Array(MiB);

function crc32OfZeros(length: number): number {
  let crc = 0;
  for (let rest = length; rest > 0; rest -= ZEROS.length) {
    crc = crc32(rest < ZEROS.length ? ZEROS.subarray(0, rest) : ZEROS, crc);
  }
  return crc;
}

/**
 * The blocks `xzStored` cuts the content into: every `XZ_BLOCK_BYTES` from its start, the last one shorter.
 * Whoever derives the checks reads the ranges whose check is undefined.
 */
export function xzBlocks(content: Recipe): readonly XzBlock[] {
  const known = new Map<number, number>();
  const checkOfZeros = (length: number): number => {
    const crc = known.get(length) ?? crc32OfZeros(length);
    known.set(length, crc);
    return crc;
  };
  const blocks: XzBlock[] = [];
  for (let offset = 0; offset < content.size; offset += XZ_BLOCK_BYTES) {
    const length = Math.min(XZ_BLOCK_BYTES, content.size - offset);
    const [first] = extentsIn(content, offset, length);
    const onlyZeros = first?.$case === "zeros" && first.length === length;
    blocks.push({ offset, length, check: onlyZeros ? checkOfZeros(length) : undefined });
  }
  return blocks;
}
