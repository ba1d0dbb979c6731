import { MiB } from "../../bytes/align.ts";
import { crc32OfZeros } from "../../bytes/crc32.ts";
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

/**
 * The blocks `xzStored` cuts the content into: every `XZ_BLOCK_BYTES` from its start, the last one shorter.
 * Whoever derives the checks reads the ranges whose check is undefined.
 */
export function xzBlocks(content: Recipe): readonly XzBlock[] {
  const blocks: XzBlock[] = [];
  for (let offset = 0; offset < content.size; offset += XZ_BLOCK_BYTES) {
    const length = Math.min(XZ_BLOCK_BYTES, content.size - offset);
    const [first] = extentsIn(content, offset, length);
    const onlyZeros = first?.$case === "zeros" && first.length === length;
    blocks.push({ offset, length, check: onlyZeros ? crc32OfZeros(length) : undefined });
  }
  return blocks;
}
