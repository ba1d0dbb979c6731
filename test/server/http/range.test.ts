import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRange, type RangeRequest } from "../../../src/server/http/range.ts";

const WHOLE: RangeRequest = { $case: "whole" };
const NEVER: RangeRequest = { $case: "unsatisfiable" };
const part = (start: number, end: number): RangeRequest => ({ $case: "part", start, end });
const TERA = 2 ** 40;

/** Header, size of the body, what is asked for. */
const VECTORS: readonly (readonly [string | undefined, number, RangeRequest])[] = [
  [undefined, 10, WHOLE],
  ["bytes=0-0", 10, part(0, 1)],
  ["bytes=0-9", 10, part(0, 10)],
  ["bytes=9-9", 10, part(9, 10)],
  ["bytes=2-4", 10, part(2, 5)],
  ["bytes=2-400", 10, part(2, 10)],
  ["bytes=2-", 10, part(2, 10)],
  ["bytes=0-", 10, part(0, 10)],
  ["bytes=-1", 10, part(9, 10)],
  ["bytes=-10", 10, part(0, 10)],
  ["bytes=-11", 10, part(0, 10)],
  ["BYTES=1-2", 10, part(1, 3)],
  ["bytes= 1-2 ", 10, part(1, 3)],
  [`bytes=${TERA}-${TERA + 1}`, TERA + 10, part(TERA, TERA + 2)],
  ["bytes=-9007199254740991", 10, part(0, 10)],
  // Nothing of the body is in it.
  ["bytes=10-", 10, NEVER],
  ["bytes=10-20", 10, NEVER],
  ["bytes=9999999999999999-", 10, NEVER],
  ["bytes=-0", 10, NEVER],
  ["bytes=0-", 0, NEVER],
  ["bytes=-1", 0, NEVER],
  // Lists and what is no byte range are left unheeded.
  ["bytes=0-1,3-4", 10, WHOLE],
  ["bytes=0-1, -1", 10, WHOLE],
  ["bytes=", 10, WHOLE],
  ["bytes=-", 10, WHOLE],
  ["bytes=a-b", 10, WHOLE],
  ["bytes=5-4", 10, WHOLE],
  ["bytes=1.5-3", 10, WHOLE],
  ["bytes=+1-3", 10, WHOLE],
  ["bytes=0x1-3", 10, WHOLE],
  ["bytes=1 - 3", 10, WHOLE],
  ["items=0-1", 10, WHOLE],
  ["0-1", 10, WHOLE],
  ["", 10, WHOLE],
  [`bytes=${"9".repeat(17)}-`, 10, WHOLE],
  [`bytes=${"1-2,".repeat(10_000)}3-4`, 10, WHOLE],
];

test("a Range header asks for one part, for the whole or for nothing", () => {
  for (const [header, size, expected] of VECTORS) assert.deepEqual(parseRange(header, size), expected, header);
});

test("a part lies inside the body and is never empty", () => {
  for (const [header, size] of VECTORS) {
    const range = parseRange(header, size);
    if (range.$case === "part") assert.ok(range.start >= 0 && range.start < range.end && range.end <= size, header);
  }
});
