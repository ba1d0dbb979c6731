import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspectFrame } from "../../../src/formats/zstd/index.ts";

const MALFORMED: readonly (readonly [name: string, hex: string, code: string, message: RegExp])[] = [
  ["nothing", "", "zstd_truncated", /after 0 bytes/],
  ["another magic", "fd377a58", "zstd_malformed", /magic 0x587a37fd/],
  ["an older zstd", "27b52ffd00", "zstd_malformed", /magic 0xfd2fb527/],
  ["the reserved header bit", "28b52ffd0838", "zstd_malformed", /reserved bit/],
  ["the reserved block type", "28b52ffd0038070000", "zstd_malformed", /reserved type/],
  ["a block above 128 KiB", "28b52ffd0078090010", "zstd_malformed", /block of 131073 bytes, at most 131072/],
  ["a block above the window", "28b52ffd0000092000", "zstd_malformed", /block of 1025 bytes, at most 1024/],
  ["an RLE block above the window", "28b52ffd20050b0100", "zstd_malformed", /block of 33 bytes, at most 5/],
  ["a content size beyond 2^53", "28b52ffdc038ffffffffffffffff", "zstd_malformed", /2\^53/],
  ["an end within the header", "28b52ffd8038", "zstd_truncated", /after 6 bytes/],
  ["an end within a block", "28b52ffd003811000061", "zstd_truncated", /after 10 bytes/],
  ["an end before the last block", "28b52ffd00380800 0061", "zstd_truncated", /after 10 bytes/],
  ["an end within the checksum", "28b52ffd0438010000aabbcc", "zstd_truncated", /after 12 bytes/],
  ["an end within a skippable frame", "502a4d18ffffffff00", "zstd_truncated", /after 9 bytes/],
];

describe("inspectFrame, hostile input", () => {
  for (const [name, hex, code, message] of MALFORMED) {
    it(`refuses ${name}`, () => {
      const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
      assert.throws(() => inspectFrame(bytes), { code, message });
    });
  }
});
