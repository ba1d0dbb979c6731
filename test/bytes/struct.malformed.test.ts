import assert from "node:assert/strict";
import { test } from "node:test";
import { ascii, bytes, struct, u8, u16le, u64le } from "../../src/bytes/struct.ts";

const RECORD = struct(
  { name: "Record", size: 16 },
  { small: u8, name: ascii(3), tail: bytes(2), half: u16le, whole: u64le },
);
const GOOD = { small: 1, name: "abc", tail: new Uint8Array(2), half: 2, whole: 3 };

test("values that do not fit are refused with the name of their field", () => {
  const vectors: readonly (readonly [Partial<typeof GOOD>, string])[] = [
    [{ small: 256 }, "small"],
    [{ small: -1 }, "small"],
    [{ small: 1.5 }, "small"],
    [{ small: Number.NaN }, "small"],
    [{ name: "abcd" }, "name"],
    [{ name: "é" }, "name"],
    [{ tail: new Uint8Array(3) }, "tail"],
    [{ half: 65536 }, "half"],
    [{ whole: 2 ** 53 }, "whole"],
  ];
  for (const [wrong, field] of vectors) {
    const expected = { code: "field_range", message: new RegExp(`^Record\\.${field}: `) };
    assert.throws(() => RECORD.encode({ ...GOOD, ...wrong }), expected);
  }
});

test("records are not read beyond the end of the bytes", () => {
  const whole = RECORD.encode(GOOD);
  assert.deepEqual(RECORD.decode(whole), GOOD);
  for (const [length, at] of [
    [15, 0],
    [16, 1],
    [0, 0],
  ] as const) {
    assert.throws(() => RECORD.decode(whole.subarray(0, length), at), { code: "struct_short" });
  }
});
