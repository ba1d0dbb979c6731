import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { type LzmaCodec, loadCodec } from "../../src/workers/codec.ts";
import { limited, newPermits } from "../../src/workers/permits.ts";

/** A codec that counts how many one-shot calls it is doing at once. */
function counting(): { readonly codec: LzmaCodec; most(): number } {
  let running = 0;
  let most = 0;
  const work = async (bytes: Uint8Array): Promise<Uint8Array> => {
    most = Math.max(most, ++running);
    await delay(2);
    running--;
    return bytes;
  };
  return { codec: { ...loadCodec().codec, zstd: work, xz: work }, most: () => most };
}

test("no more calls run at once than there are permits, whichever thread they come from", async () => {
  const { codec, most } = counting();
  const permits = newPermits(2);
  const threads = [limited(codec, permits), limited(codec, permits)];
  const calls = Array.from({ length: 20 }, async (_, i) => {
    const bytes = Uint8Array.of(i);
    return await threads[i % 2]!.zstd(bytes, { level: 1 });
  });
  assert.deepEqual(
    (await Promise.all(calls)).map((bytes) => bytes[0]),
    Array.from({ length: 20 }, (_, i) => i),
  );
  assert.equal(most(), 2);
});

test("a failed call gives its permit back", async () => {
  const { codec } = counting();
  const failing = { ...codec, xz: () => Promise.reject(new Error("no")) };
  const one = limited(failing, newPermits(1));
  await assert.rejects(one.xz(new Uint8Array(1), { preset: 0, check: "crc32" }), /no/);
  assert.equal((await one.zstd(Uint8Array.of(7), { level: 1 }))[0], 7);
});

test("work goes on when a permit is lost with the thread that held it", async () => {
  const { codec } = counting();
  const one = limited(codec, newPermits(0), 20);
  assert.equal((await one.zstd(Uint8Array.of(7), { level: 1 }))[0], 7);
});
