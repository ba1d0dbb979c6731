import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../../src/bytes/text.ts";
import { inline } from "../../../src/extents/index.ts";
import { cpioArchive, readCpio } from "../../../src/formats/cpio/index.ts";
import { chunked, collect, drain, WIDE } from "./support.ts";

const SAMPLE = await collect(
  cpioArchive([
    { $case: "directory", path: "d", mode: 0o755, mtime: 0 },
    { $case: "file", path: "d/f", mode: 0o644, mtime: 0, body: inline(utf8("content")) },
  ]),
);

/** The sample with `text` written at `at`. */
function patched(at: number, text: string): Buffer {
  const bytes = Buffer.from(SAMPLE);
  bytes.write(text, at, "latin1");
  return bytes;
}

const MALFORMED: [name: string, bytes: Uint8Array, code: string, message: RegExp][] = [
  ["other magic", patched(0, "070707"), "archive_malformed", /record at 0: magic is not 070701/],
  ["digits that are none", patched(6, "0000000G"), "archive_malformed", /"0000000G" is not a number/],
  ["a signed number", patched(6, "-0000001"), "archive_malformed", /eight hex digits/],
  ["no name", patched(94, "00000000"), "archive_malformed", /name of 0 bytes/],
  ["a huge name", patched(94, "FFFFFFFF"), "archive_malformed", /name of 4294967295 bytes/],
  ["a name without NUL", patched(111, "x"), "archive_malformed", /NUL/],
  ["a NUL within a name", patched(110, "\0"), "archive_malformed", /NUL/],
  ["a name that is not UTF-8", patched(110, "\xff"), "archive_malformed", /UTF-8/],
  ["an unknown type", patched(14, "0000F000"), "archive_malformed", /no known type/],
  [
    "text after the trailer",
    Buffer.concat([SAMPLE, Buffer.alloc(4), Buffer.from("x".repeat(200))]),
    "archive_malformed",
    /at 516: magic is not/,
  ],
  ["no trailer", SAMPLE.subarray(0, 112), "archive_truncated", /ends at 112/],
  ["an end within a header", SAMPLE.subarray(0, 50), "archive_truncated", /60 bytes early/],
  ["an end within a body", SAMPLE.subarray(0, 112 + 116 + 3), "archive_truncated", /ends at 231/],
];

describe("readCpio refuses", () => {
  for (const [name, bytes, code, message] of MALFORMED) {
    it(name, () => assert.rejects(drain(readCpio(chunked(bytes, 37), WIDE)), { code, message }));
  }

  const limits = [
    [{ ...WIDE, maxEntries: 2 }, /more than 2 records/],
    [{ ...WIDE, maxFileBytes: 6 }, /"d\/f" has 7 bytes/],
    [{ ...WIDE, maxTotalBytes: 511 }, /longer than 511 bytes/],
  ] as const;
  for (const [limit, message] of limits) {
    it(`what is over a limit: ${message.source}`, () =>
      assert.rejects(drain(readCpio(chunked(SAMPLE), limit)), { code: "limit_exceeded", message }));
  }

  it("nothing at its limits", async () => {
    const records = await drain(readCpio(chunked(SAMPLE), { maxEntries: 3, maxFileBytes: 7, maxTotalBytes: 512 }));
    assert.deepEqual(
      records.map((record) => record.path),
      ["d", "d/f"],
    );
  });

  it("a trailer with a size beyond the input", () => {
    const trailerSize = SAMPLE.indexOf("TRAILER!!!") - 110 + 54;
    return assert.rejects(drain(readCpio(chunked(patched(trailerSize, "00010000")), WIDE)), {
      code: "archive_truncated",
    });
  });
});
