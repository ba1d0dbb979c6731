import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Digest, sha256 } from "../../src/bytes/digest.ts";
import { type BlobFiller, blob, concat, fill, inline, read, zeros } from "../../src/extents/index.ts";

const CONTENT = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
const DIGEST = sha256(CONTENT);

const blobs: BlobFiller = {
  async fill(_digest: Digest, offset: number, into: Uint8Array): Promise<void> {
    into.set(CONTENT.subarray(offset, offset + into.length));
  },
};

const WHOLE = concat(inline(CONTENT.subarray(0, 7)), blob(DIGEST, 300, 20), zeros(50), blob(DIGEST, 500, 400));

test("any range fills the whole buffer, whatever was in it", async () => {
  const reader = { read: async (_: Digest, at: number, length: number) => CONTENT.slice(at, at + length) };
  const expected = await read(WHOLE, reader);
  await fc.assert(
    fc.asyncProperty(fc.nat(WHOLE.size), fc.nat(WHOLE.size), async (a, b) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)];
      const into = new Uint8Array(end - start).fill(0xee);
      await fill(WHOLE, blobs, start, into);
      assert.deepEqual(into, expected.slice(start, end));
    }),
  );
});

test("a range outside the recipe is refused", async () => {
  await assert.rejects(fill(WHOLE, blobs, WHOLE.size - 1, new Uint8Array(2)), { code: "range_invalid" });
});

test("a failure is reported only when no other read writes into the buffer any more", async () => {
  let running = 0;
  const slow: BlobFiller = {
    async fill(_digest, offset) {
      if (offset === 20) throw new Error("damaged");
      running++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
    },
  };
  await assert.rejects(fill(WHOLE, slow, 0, new Uint8Array(WHOLE.size)), /damaged/);
  assert.equal(running, 0);
});
