import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { KiB } from "../../../src/bytes/align.ts";
import { concatBytes } from "../../../src/bytes/text.ts";
import { FrameWalker, frameLength, inspectFrame } from "../../../src/formats/zstd/index.ts";
import { createFallbackCodec } from "../../../src/workers/codec.ts";
import { noise } from "../../support/recipes.ts";

const codec = createFallbackCodec();

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

describe("inspectFrame", () => {
  it("reads what zstd wrote", async () => {
    const input = concatBytes(noise(300 * KiB), new Uint8Array(300 * KiB));
    for (const level of [1, 19]) {
      const frame = await codec.zstd(input, { level, checksum: true });
      const info = inspectFrame(concatBytes(frame, noise(50)));
      assert.ok(info.$case === "frame");
      assert.equal(info.length, frame.length);
      assert.equal(info.contentSize, input.length);
      assert.ok(info.checksum);
      assert.deepEqual([info.singleSegment, info.windowSize], level === 19 ? [true, input.length] : [false, 512 * KiB]);
      assert.ok(info.blocks >= 5);
    }
  });

  it("reads header forms", () => {
    const info = { length: 0, windowSize: 0, singleSegment: false, checksum: false, blocks: 1, contentSize: undefined };
    const FORMS: [hex: string, expected: object][] = [
      ["28b52ffd 00 38 010000", { length: 9, windowSize: 128 * KiB }],
      ["28b52ffd 00 39 010000", { length: 9, windowSize: 144 * KiB }],
      ["28b52ffd 20 00 010000", { length: 9, singleSegment: true, contentSize: 0 }],
      ["28b52ffd 60 0000 010000", { length: 10, singleSegment: true, contentSize: 256, windowSize: 256 }],
      ["28b52ffd 01 38 ff 010000", { length: 10, windowSize: 128 * KiB }],
      ["28b52ffd 04 38 010000 12345678", { length: 13, windowSize: 128 * KiB, checksum: true }],
      ["28b52ffd 00 38 000000 0b0000 61", { length: 13, windowSize: 128 * KiB, blocks: 2 }],
    ];
    for (const [hex, expected] of FORMS) {
      assert.deepEqual(inspectFrame(bytes(hex)), { $case: "frame", ...info, ...expected }, hex);
    }
  });

  it("knows skippable frames, and starts where it is told", () => {
    const skippable = bytes("5f2a4d18 03000000 010203");
    assert.deepEqual(inspectFrame(skippable), { $case: "skippable", length: 11 });
    assert.equal(frameLength(bytes("502a4d18 00000000")), 8);
    assert.equal(frameLength(concatBytes(noise(7), skippable, noise(5)), 7), 11);
  });
});

describe("FrameWalker", () => {
  it("finds the same end in pieces of any size", async () => {
    const frame = await codec.zstd(concatBytes(noise(200 * KiB), new Uint8Array(200 * KiB)), {
      level: 1,
      checksum: true,
    });
    const both = concatBytes(frame, frame);
    await fc.assert(
      fc.property(fc.integer({ min: 1, max: 70_000 }), (size) => {
        const walker = new FrameWalker();
        let at = 0;
        while (!walker.ended) at += walker.push(both.subarray(at, at + size));
        assert.equal(at, frame.length);
        assert.equal(walker.push(both, at), 0);
      }),
      { numRuns: 20 },
    );
  });

  it("knows that an empty skippable frame ends with its header", () => {
    const walker = new FrameWalker();
    assert.deepEqual([walker.started, walker.known], [false, false]);
    assert.equal(walker.push(bytes("502a4d18 000000")), 7);
    assert.deepEqual([walker.started, walker.known, walker.skippable, walker.ended], [true, true, true, false]);
    assert.equal(walker.push(bytes("00 ff")), 1);
    assert.ok(walker.ended);
  });
});
