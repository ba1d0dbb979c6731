import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32, crc32Combined, crc32OfZeros } from "../../src/bytes/crc32.ts";
import { concatBytes, utf8 } from "../../src/bytes/text.ts";

test("the CRC32 of zeros, at sizes that are never held", () => {
  /** Length, CRC32 as Python's zlib.crc32 gives it. */
  const vectors: readonly (readonly [number, number])[] = [
    [0, 0],
    [1, 0xd202ef8d],
    [4, 0x2144df1c],
    [2 ** 20, 0xa738ea1c],
    [2 ** 32, 0xd202ef8d],
    [10 * 2 ** 30, 0xf41d912f],
  ];
  for (const [length, crc] of vectors) assert.equal(crc32OfZeros(length), crc, String(length));
});

test("two runs make the CRC32 of both", () => {
  assert.equal(crc32Combined(crc32(utf8("12345")), crc32(utf8("6789")), 4), 0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
      const combined = crc32Combined(crc32(first), crc32(second), second.length);
      assert.equal(combined, crc32(concatBytes(first, second)));
    }),
  );
});

test("zeros can be taken together beyond 2^32 bytes", () => {
  const [first, second] = [3 * 2 ** 30 + 1, 5 * 2 ** 30 - 7];
  assert.equal(crc32Combined(crc32OfZeros(first), crc32OfZeros(second), second), crc32OfZeros(first + second));
});
