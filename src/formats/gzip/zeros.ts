import { concatBytes } from "../../bytes/text.ts";
import type { Extent } from "../../extents/index.ts";
import { BLOCK_TYPE, CODE_LENGTH_ORDER, END_OF_BLOCK, LONGEST_MATCH, REPEAT_ZERO, STORED_LENGTH } from "./layout.ts";

/** Bits, the first in the lowest bit of the first byte [RFC 1951, 3.1.1]. */
type Bits = readonly (0 | 1)[];

/** `count` bits of a number, lowest first, as all but Huffman codes are packed. */
function number(value: number, count: number): Bits {
  return Array.from({ length: count }, (_, i) => ((value >>> i) & 1) as 0 | 1);
}

function bytesOf(bits: Bits): Uint8Array {
  const out = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries()) out[i >>> 3]! |= bit << (i & 7);
  return out;
}

/** Codes of the block: two bits for the byte 0 and the block's end, one for the longest match and each of two distances. */
const CODE = { zeroByte: [1, 0], end: [1, 1], match: [0], distanceOne: [0] } as const satisfies Record<string, Bits>;

/** Codes for the code lengths that are used: 1, 2 and a run of zeros [3.2.7]. */
const LENGTH_CODE = { one: [0], two: [1, 0], unused: [1, 1] } as const satisfies Record<string, Bits>;
const LENGTH_CODE_BITS: Readonly<Record<number, number>> = { 1: 1, 2: 2, [REPEAT_ZERO.symbol]: 2 };

function unused(count: number): Bits {
  return [...LENGTH_CODE.unused, ...number(count - REPEAT_ZERO.min, REPEAT_ZERO.bits)];
}

/** Header bits of a block that is not the last [3.2.3]. */
function blockHeader(type: number): Bits {
  return [...number(0, 1), ...number(type, 2)];
}

/** What stands before the matches: the block's header with HLIT, HDIST, HCLEN and its code lengths [3.2.7], and one byte 0. */
function opening(): Bits {
  const lengths = CODE_LENGTH_ORDER.slice(0, CODE_LENGTH_ORDER.indexOf(1) + 1);
  const between = END_OF_BLOCK - 1;
  return [
    ...blockHeader(BLOCK_TYPE.dynamic),
    ...number(LONGEST_MATCH.symbol + 1 - 257, 5),
    ...number(2 - 1, 5),
    ...number(lengths.length - 4, 4),
    ...lengths.flatMap((symbol) => number(LENGTH_CODE_BITS[symbol] ?? 0, 3)),
    ...LENGTH_CODE.two,
    ...unused(REPEAT_ZERO.max),
    ...unused(between - REPEAT_ZERO.max),
    ...LENGTH_CODE.two,
    ...unused(LONGEST_MATCH.symbol - END_OF_BLOCK - 1),
    ...LENGTH_CODE.one,
    ...LENGTH_CODE.one,
    ...LENGTH_CODE.one,
    ...CODE.zeroByte,
  ];
}

const OPENING = opening();
const MATCH_BITS = CODE.match.length + CODE.distanceOne.length;

/** From this length on the matches reach beyond the byte in which the opening ends; shorter runs are not worth a block. */
export const ZEROS_MIN_BYTES = 2048;

/**
 * `length` zeros (`ZEROS_MIN_BYTES` and more) as deflate data that ends on a byte: the byte 0, then matches of what stands
 * right before them. The codes are chosen so that a match is zero bits only: the data itself is zeros, one byte for 1032.
 */
export function* deflateZeros(length: number): Generator<Extent> {
  const matches = Math.floor((length - 1) / LONGEST_MATCH.length);
  const rest = length - 1 - matches * LONGEST_MATCH.length;
  const matchesEnd = OPENING.length + matches * MATCH_BITS;
  const head = bytesOf(OPENING);
  yield { $case: "inline", bytes: head };
  yield { $case: "zeros", length: Math.floor(matchesEnd / 8) - head.length };
  const literals = Array.from({ length: rest }, () => CODE.zeroByte).flat();
  const tail = [...number(0, matchesEnd % 8), ...literals, ...CODE.end, ...blockHeader(BLOCK_TYPE.stored)];
  yield { $case: "inline", bytes: concatBytes(bytesOf(tail), STORED_LENGTH.encode({ length: 0, complement: 0xffff })) };
}
