// Runs inside a worker thread of codec.test.ts: one round trip of both formats, or work that never ends.
import { parentPort, workerData } from "node:worker_threads";
import { createFallbackCodec, createNativeCodec } from "../../src/workers/codec.ts";
import { gathered } from "../../src/workers/codec-limits.ts";
import { noise } from "../support/recipes.ts";

const { name, endless } = workerData as { readonly name: string; readonly endless: boolean };
const codec = name === "native" ? createNativeCodec() : createFallbackCodec();
const data = noise(500_000, 5);

async function* once(): AsyncGenerator<Uint8Array> {
  yield data;
}

async function* forever(): AsyncGenerator<Uint8Array> {
  for (;;) yield data;
}

async function isSame(decoded: AsyncIterable<Uint8Array>): Promise<boolean> {
  return Buffer.from(await gathered(decoded)).equals(data);
}

if (endless) {
  const zstd = codec.zstdStream(forever(), { level: 3, threads: 2 });
  const xz = codec.xzStream(forever(), { preset: 0, check: "crc32", threads: 2 });
  await zstd[Symbol.asyncIterator]().next();
  const pending = [xz, zstd].map(async (stream) => {
    for await (const _ of stream);
  });
  parentPort!.postMessage("working");
  await Promise.all(pending);
} else {
  const zstd = await isSame(codec.unzstd(codec.zstdStream(once(), { level: 3, threads: 2 })));
  const xz = await isSame(codec.unxz(codec.xzStream(once(), { preset: 0, check: "crc32", threads: 2 })));
  parentPort!.postMessage(zstd && xz ? "done" : "wrong");
}
