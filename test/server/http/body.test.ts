import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type Digest, sha256 } from "../../../src/bytes/digest.ts";
import { type BlobFiller, blob, inline, type Recipe } from "../../../src/extents/index.ts";
import { Body, writeBody } from "../../../src/server/http/body.ts";

const MEMORY = 3 * 64 * 1024;
const CONTENT = Uint8Array.from({ length: 5_000_001 }, (_, i) => (i * 2654435761) >>> 24);
const IMAGE = blob(sha256(CONTENT), CONTENT.length);

const blobs: BlobFiller = {
  async fill(_digest: Digest, offset: number, into: Uint8Array): Promise<void> {
    into.set(CONTENT.subarray(offset, offset + into.length));
  },
};

/** Serves one request with `answer` and gives what came back of the body. */
async function serveOnce(
  answer: (raw: ServerResponse) => Promise<void>,
  take: (chunks: AsyncIterable<Uint8Array>) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const server = createServer((_request, raw) => void answer(raw)).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const sent = request({ port: (server.address() as AddressInfo).port, agent: false }).end();
    const [reply] = await once(sent, "response");
    return await take(reply);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) {
    parts.push(part);
    // A reader slower than the writer: buffers would be seen to be used again too early.
    if (parts.length % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return Buffer.concat(parts);
}

async function send(raw: ServerResponse, image: Recipe, start: number, end: number): Promise<void> {
  const body = new Body(image, blobs, { start, end }, MEMORY);
  await writeBody(raw, body, await body.next());
}

for (const [name, start, end] of [
  ["whole", 0, CONTENT.length],
  ["range", 123_456, 4_000_003],
  ["one byte", 77, 78],
  ["nothing", 5, 5],
] as const) {
  test(`${name}: the bytes arrive, with buffers used again and again`, async () => {
    const got = await serveOnce((raw) => send(raw, IMAGE, start, end), all);
    assert.equal(Buffer.compare(got, CONTENT.subarray(start, end)), 0);
  });
}

test("an empty image is an empty body", async () => {
  const empty = inline(new Uint8Array());
  assert.equal((await serveOnce((raw) => send(raw, empty, 0, 0), all)).length, 0);
});

test("a client that leaves ends the writing", async () => {
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  await serveOnce(
    (raw) => send(raw, IMAGE, 0, IMAGE.size).then(resolve, reject),
    async (chunks) => {
      for await (const chunk of chunks) return chunk;
      return new Uint8Array();
    },
  );
  await ended;
});

test("what reading throws is thrown", async () => {
  const damaged: BlobFiller = {
    async fill(_digest, offset) {
      if (offset > 1_000_000) throw new Error("damaged");
    },
  };
  const { promise: failed, reject } = Promise.withResolvers<void>();
  const expected = assert.rejects(failed, /damaged/);
  const answer = async (raw: ServerResponse): Promise<void> => {
    const body = new Body(IMAGE, damaged, { start: 0, end: IMAGE.size }, MEMORY);
    await writeBody(raw, body, await body.next()).catch((error: unknown) => {
      reject(error);
      raw.destroy();
    });
  };
  await serveOnce(answer, all).catch(() => undefined);
  await expected;
});
