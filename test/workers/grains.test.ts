import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { inflateSync } from "node:zlib";
import { KiB } from "../../src/bytes/align.ts";
import { concatBytes } from "../../src/bytes/text.ts";
import { blob, concat, inline, type Recipe, read, zeros } from "../../src/extents/index.ts";
import { GRAIN_BYTES, type PackedGrains, vmdkImage } from "../../src/formats/vmdk/index.ts";
import { LocalBlobStore, writeBlob } from "../../src/store/local-blobs.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { packGrains } from "../../src/workers/jobs/grains.ts";
import type { JobContext } from "../../src/workers/jobs/index.ts";
import { openSpool } from "../../src/workers/spool.ts";
import { temporaryFolder } from "../support/folder.ts";
import { noise } from "../support/recipes.ts";

const ID = "0".repeat(32);

describe("packing grains", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let blobs: LocalBlobStore;
  let context: JobContext;
  const pack = (content: Recipe, using = context): Promise<PackedGrains> =>
    packGrains({ extents: content.extents }, using);

  before(async () => {
    data = await temporaryFolder();
    blobs = await LocalBlobStore.open(data.path, Date.now());
    const temporary = join(data.path, "tmp");
    const spool: JobContext["spool"] = (source, maxBytes) => openSpool(temporary, source, maxBytes);
    context = { blobs, codec: loadCodec().codec, mtime: 0, temporary, spool, checkpoint: () => undefined };
  });
  after(async () => {
    blobs.close();
    await data[Symbol.asyncDispose]();
  });

  it("tells zeros, what compresses and what does not, also where a blob holds them", async () => {
    const text = new Uint8Array(GRAIN_BYTES).fill(65);
    const tail = concatBytes(noise(5 * KiB), new Uint8Array(GRAIN_BYTES - 5 * KiB));
    const bytes = concatBytes(noise(GRAIN_BYTES), new Uint8Array(GRAIN_BYTES), text, tail, noise(1000, 2));
    const ref = await writeBlob(blobs, [bytes], { maxBytes: bytes.length });
    const { grains, packed } = await pack(blob(ref.digest, ref.size));
    assert.deepEqual(
      grains.map(({ $case }) => $case),
      ["stored", "zeros", "deflated", "deflated", "stored"],
    );
    const streams = await read(blob(packed!.digest, packed!.size), blobs);
    let at = 0;
    for (const [i, form] of grains.entries()) {
      if (form.$case !== "deflated") continue;
      const plain = inflateSync(streams.subarray(at, at + form.bytes));
      assert.ok(plain.equals(bytes.subarray(i * GRAIN_BYTES, (i + 1) * GRAIN_BYTES)));
      at += form.bytes;
    }
    assert.equal(at, streams.length);
  });

  it("gives the checksum a zlib stream of the grain ends with", async () => {
    const content = inline(noise(GRAIN_BYTES));
    const image = vmdkImage(content, [await pack(content)], ID);
    const at = image.extents.findIndex((extent) => extent.$case === "zeros" && extent.length > 2 * KiB);
    assert.ok(at > 0);
    const sector = (21 + 1 + 4) * 512;
    const bytes = 2 + 2 * 5 + GRAIN_BYTES + 4;
    assert.ok(inflateSync(await read(image, blobs, sector + 12, bytes)).equals(await read(content, blobs)));
  });

  it("stores nothing where nothing compresses, and nothing when it is cancelled", async () => {
    assert.deepEqual(await pack(zeros(3 * GRAIN_BYTES + 1)), {
      grains: Array.from({ length: 4 }, () => ({ $case: "zeros" })),
      packed: undefined,
    });
    const cancelled = { ...context, checkpoint: () => assert.fail("cancelled") };
    await assert.rejects(pack(concat(inline(new Uint8Array(100).fill(1)), zeros(1000)), cancelled), /cancelled/);
    assert.deepEqual(await readdir(join(data.path, "tmp")), []);
  });
});
