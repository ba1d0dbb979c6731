import { crc32 as zlibCrc32 } from "node:zlib";

// CRC-32 as arithmetic of polynomials over GF(2) modulo the CRC's own (RFC 1952, 8): appending a byte multiplies by x^8.
// Polynomials are 32 bits, reflected: the highest bit is the coefficient of x^0.

/** The CRC's polynomial without its x^32. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;
const X_TO_THE_8 = ONE >>> 8;

/** CRC-32/IEEE (polynomial 0xEDB88320, reflected) of `bytes`; pass an earlier result to continue it. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return zlibCrc32(bytes, seed);
}

function multiplied(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = (shifted >>> 1) ^ (shifted & 1 ? POLYNOMIAL : 0);
  }
  return product >>> 0;
}

/** x^(8 `length`): what `length` bytes multiply by. */
function shiftOf(length: number): number {
  let power = ONE;
  let square = X_TO_THE_8;
  for (let rest = length; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiplied(power, square);
    square = multiplied(square, square);
  }
  return power;
}

/** The CRC-32 of two runs of bytes one after the other, of that of each and the second one's length in bytes. */
export function crc32Combined(first: number, second: number, secondLength: number): number {
  return (multiplied(shiftOf(secondLength), first) ^ second) >>> 0;
}

/** The CRC-32 of `length` zero bytes: they only shift what the register starts with, which is all ones. */
export function crc32OfZeros(length: number): number {
  return ~multiplied(shiftOf(length), 0xffffffff) >>> 0;
}
