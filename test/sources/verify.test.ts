import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sha256 } from "../../src/bytes/digest.ts";
import { checkDigest, collect, verified } from "../../src/sources/verify.ts";
import { chunked } from "../support/tar.ts";

/** What a receiver got before the end or the error. */
async function receive(source: AsyncIterable<Uint8Array>): Promise<{ got: number; code: string | undefined }> {
  let got = 0;
  try {
    for await (const chunk of source) got += chunk.length;
  } catch (error) {
    return { got, code: (error as { code: string }).code };
  }
  return { got, code: undefined };
}

test("right bytes pass, whatever the chunks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), async (bytes, size) => {
      const expected = { digest: sha256(bytes), size: bytes.length };
      assert.deepEqual(await collect(verified(chunked(bytes, size), expected), 300, "x"), new Uint8Array(bytes));
    }),
    { numRuns: 50 },
  );
});

test("nobody gets all bytes of a wrong blob", async () => {
  const bytes = new Uint8Array(5000).fill(7);
  const digest = sha256(bytes);
  const rows = [
    ["another digest", { digest: sha256("y"), size: 5000 }, "digest_mismatch"],
    ["one byte too many", { digest, size: 4999 }, "size_mismatch"],
    ["one byte too few", { digest, size: 5001 }, "size_mismatch"],
    ["nothing expected", { digest: sha256(""), size: 0 }, "size_mismatch"],
  ] as const;
  for (const [name, expected, code] of rows) {
    for (const size of [1000, 5000, 4999]) {
      const result = await receive(verified(chunked(bytes, size), expected));
      assert.equal(result.code, code, name);
      assert.ok(result.got < Math.max(expected.size, 1), name);
    }
  }
});

test("an endless blob is cut off at its size", async () => {
  let sent = 0;
  async function* endless() {
    for (;;) {
      sent += 1000;
      yield new Uint8Array(1000);
    }
  }
  assert.equal((await receive(verified(endless(), { digest: sha256(""), size: 2500 }))).code, "size_mismatch");
  assert.equal(sent, 3000);
});

test("collecting stops at its limit, a digest is compared", async () => {
  await assert.rejects(collect(chunked(new Uint8Array(11)), 10, "x"), { code: "too_large" });
  assert.throws(() => checkDigest(new Uint8Array(1), sha256(""), "x"), { code: "digest_mismatch" });
});
