import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "../../src/bytes/crc32c.ts";
import { utf8 } from "../../src/bytes/text.ts";

/** RFC 3720 appendix B.4 (values as numbers, not in wire order), and the usual check string. */
const VECTORS: readonly (readonly [Uint8Array, number])[] = [
  [new Uint8Array(0), 0],
  [utf8("123456789"), 0xe3069283],
  [new Uint8Array(32), 0x8a9136aa],
  [new Uint8Array(32).fill(0xff), 0x62a8ab43],
  [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
];

test("published values", () => {
  for (const [bytes, crc] of VECTORS) assert.equal(crc32c(bytes), crc);
});

test("a seed is the raw register, not inverted and open to be continued", () => {
  for (const [bytes, crc] of VECTORS) {
    assert.equal(~crc32c(bytes, 0xffffffff) >>> 0, crc);
    for (const cut of [0, 1, bytes.length]) {
      const first = crc32c(bytes.subarray(0, cut), 0xffffffff);
      assert.equal(~crc32c(bytes.subarray(cut), first) >>> 0, crc);
    }
  }
  assert.equal(crc32c(new Uint8Array(4), 0), 0);
});
