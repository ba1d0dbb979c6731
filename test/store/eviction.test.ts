import assert from "node:assert/strict";
import { readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Digest, digestHex, sha256 } from "../../src/bytes/digest.ts";
import type { BlobRef } from "../../src/extents/index.ts";
import { Evictor, type Swept } from "../../src/store/eviction.ts";
import { LocalBlobStore, writeBlob } from "../../src/store/local-blobs.ts";
import { LocalRecords, LocalSchematics } from "../../src/store/local-records.ts";
import { temporaryFolder } from "../support/folder.ts";

const BLOCK = 4096;
const HOUR = 60 * 60 * 1000;

interface Bench extends AsyncDisposable {
  readonly path: string;
  readonly store: LocalBlobStore;
  readonly records: LocalRecords;
  /** Stores one block of `fill`, last used `hoursAgo`. */
  put(fill: number, hoursAgo: number): Promise<BlobRef>;
  /** The fills of the blobs that are there, ascending. */
  fills(): Promise<readonly number[]>;
  /** Sweeps once with a limit of this many blocks. */
  sweep(blocks: number): Promise<Swept>;
}

const blockOf = (fill: number): Uint8Array => new Uint8Array(BLOCK).fill(fill);

async function bench(): Promise<Bench> {
  const folder = await temporaryFolder();
  const store = await LocalBlobStore.open(folder.path, Date.now(), { unusedFiles: 0 });
  const records = await LocalRecords.open(folder.path);
  const fileOf = (digest: Digest): string => join(folder.path, "oci/blobs/sha256", digestHex(digest));
  return {
    path: folder.path,
    store,
    records,
    async put(fill, hoursAgo) {
      const ref = await writeBlob(store, [blockOf(fill)], { maxBytes: BLOCK });
      const time = new Date(Date.now() - hoursAgo * HOUR);
      await utimes(fileOf(ref.digest), time, time);
      return ref;
    },
    async fills() {
      const names = new Set(await readdir(join(folder.path, "oci/blobs/sha256")));
      return Array.from({ length: 40 }, (_, i) => i).filter((i) => names.has(digestHex(sha256(blockOf(i)))));
    },
    async sweep(blocks) {
      const { promise, resolve, reject } = Promise.withResolvers<Swept>();
      const options = { dataFolder: folder.path, blobs: store, maxBytes: blocks * BLOCK };
      const evictor = new Evictor({ ...options, onSwept: resolve, onFailure: reject });
      const swept = await promise;
      await evictor.close();
      return swept;
    },
    async [Symbol.asyncDispose]() {
      store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test("the least recently used blobs go first, and a little more than must", async () => {
  await using b = await bench();
  for (let i = 0; i < 20; i++) await b.put(i, 40 - i);
  assert.deepEqual(await b.sweep(20), { bytes: 20 * BLOCK, removed: 0, freed: 0 });
  assert.deepEqual(await b.sweep(10), { bytes: 9 * BLOCK, removed: 11, freed: 11 * BLOCK });
  assert.deepEqual(await b.fills(), [11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

test("use counts: exactly in the process that used a blob, by the hour for all others", async () => {
  await using b = await bench();
  const refs = [await b.put(0, 40), await b.put(1, 30), await b.put(2, 0.5)];
  const lease = b.store.lease();
  assert.equal(await lease.hold([refs[0]!]), true);
  lease.release();
  // A file is touched when it was last used more than an hour ago, so that the use is known after a restart.
  const info = await stat(join(b.path, "oci/blobs/sha256", digestHex(refs[0]!.digest)));
  assert.ok(Date.now() - info.mtimeMs < 60_000);
  const young = await stat(join(b.path, "oci/blobs/sha256", digestHex(refs[2]!.digest)));
  await delay(5);
  const again = b.store.lease();
  assert.equal(await again.hold([refs[2]!]), true);
  again.release();
  assert.equal((await stat(join(b.path, "oci/blobs/sha256", digestHex(refs[2]!.digest)))).mtimeMs, young.mtimeMs);
  assert.equal((await b.sweep(2)).removed, 2);
  // 2 was used after 0, though its file time says otherwise.
  assert.deepEqual(await b.fills(), [2]);
});

test("what is held stays, however old, and goes once it is released", async () => {
  await using b = await bench();
  const refs = [await b.put(0, 40), await b.put(1, 30), await b.put(2, 20)];
  const [first, second] = [b.store.lease(), b.store.lease()];
  assert.equal(await first.hold([refs[0]!, refs[0]!, refs[1]!]), true);
  assert.equal(await second.hold([refs[0]!]), true);
  assert.deepEqual(await b.sweep(1), { bytes: 2 * BLOCK, removed: 1, freed: BLOCK });
  first.release();
  first.release();
  assert.equal((await b.sweep(1)).bytes, BLOCK);
  assert.deepEqual(await b.fills(), [0]);
  second.release();
  assert.equal((await b.sweep(0)).bytes, 0);
});

test("a store over its limit is swept again as soon as what is in use is released", async () => {
  await using b = await bench();
  const ref = await b.put(0, 40);
  const lease = b.store.lease();
  assert.equal(await lease.hold([ref]), true);
  const swept: number[] = [];
  const onSwept = ({ bytes }: Swept): void => void swept.push(bytes);
  const onFailure = (cause: unknown): void => assert.fail(String(cause));
  const evictor = new Evictor({ dataFolder: b.path, blobs: b.store, maxBytes: BLOCK / 2, onSwept, onFailure });
  while (swept.length === 0) await delay(5);
  assert.deepEqual(swept, [BLOCK]);
  lease.release();
  for (let i = 0; i < 400 && swept.length < 2; i++) await delay(10);
  assert.deepEqual(swept, [BLOCK, 0]);
  await b.put(1, 40);
  evictor.added(BLOCK);
  for (let i = 0; i < 400 && swept.length < 3; i++) await delay(10);
  assert.deepEqual(swept, [BLOCK, 0, 0]);
  await evictor.close();
  evictor.added(BLOCK);
  assert.equal(swept.length, 3);
});

test("what was written since the oldest running job began stays", async () => {
  await using b = await bench();
  await b.put(0, 40);
  const written = b.store.writing();
  await writeBlob(b.store, [blockOf(1)], { maxBytes: BLOCK });
  b.store.writing()();
  assert.equal((await b.sweep(0)).removed, 1);
  assert.deepEqual(await b.fills(), [1]);
  written();
  assert.equal((await b.sweep(0)).removed, 1);
});

test("a held blob can be read though another process removed it; holding it anew says that it is gone", async () => {
  await using b = await bench();
  const other = await LocalBlobStore.open(b.path, Date.now());
  const ref = await b.put(7, 0);
  const lease = b.store.lease();
  assert.equal(await lease.hold([ref]), true);
  assert.equal(await other.evict(ref.digest), true);
  assert.deepEqual(new Uint8Array(await b.store.read(ref.digest, 0, BLOCK)), blockOf(7));
  assert.equal(await lease.hold([ref]), false);
  assert.equal(await b.store.lease().hold([ref]), false);
  await b.put(7, 0);
  assert.equal(await lease.hold([ref]), true);
  lease.release();
  assert.equal(await b.store.evict(ref.digest), true);
  await assert.rejects(b.store.read(ref.digest, 0, 1), { code: "blob_missing" });
});

test("a blob of another size counts as gone, and a lease that is over keeps nothing", async () => {
  await using b = await bench();
  const ref = await b.put(3, 0);
  const lease = b.store.lease();
  assert.equal(await lease.hold([{ ...ref, size: 5 }]), false);
  assert.equal(await b.store.evict(ref.digest), true);
  await b.put(3, 0);
  lease.release();
  assert.equal(await lease.hold([ref]), true);
  assert.equal(await b.store.evict(ref.digest), true);
});

test("blobs that are held and removed at once are either there or reported gone", async () => {
  await using b = await bench();
  for (let round = 0; round < 60; round++) {
    const ref = await b.put(1, 0);
    const lease = b.store.lease();
    const [held, evicted] = await Promise.all(
      round % 2 === 0
        ? [lease.hold([ref]), b.store.evict(ref.digest)]
        : [delay(0).then(() => lease.hold([ref])), b.store.evict(ref.digest)],
    );
    assert.notEqual(held, evicted);
    assert.equal((await b.store.size(ref.digest)) !== undefined, held);
    lease.release();
  }
});

test("records are removed like blobs; schematics and files that are no blobs never", async () => {
  await using b = await bench();
  await b.records.put(sha256("old"), { a: 1 });
  await b.records.put(sha256("new"), { a: 2 });
  const record = (name: string): string => join(b.path, "derivations", `${digestHex(sha256(name))}.json`);
  const time = new Date(Date.now() - 50 * HOUR);
  await utimes(record("old"), time, time);
  const schematics = await LocalSchematics.open(b.path);
  const id = digestHex(sha256("customization: {}\n"));
  await schematics.put(id, "customization: {}\n");
  await utimes(join(b.path, "schematics", `${id}.yaml`), time, time);
  await writeFile(join(b.path, "oci/blobs/sha256/README"), "not ours");
  await b.put(0, 40);
  assert.equal((await b.sweep(2)).removed, 2);
  assert.deepEqual([await b.records.get(sha256("old")), await b.fills()], [undefined, []]);
  assert.deepEqual(await b.records.get(sha256("new")), { a: 2 });
  assert.equal((await b.sweep(0)).bytes, 0);
  assert.equal(await schematics.get(id), "customization: {}\n");
  assert.deepEqual(await readdir(join(b.path, "oci/blobs/sha256")), ["README"]);
});

test("reading a record that was used long ago marks it as used", async () => {
  await using b = await bench();
  await b.records.put(sha256("x"), { a: 1 });
  const path = join(b.path, "derivations", `${digestHex(sha256("x"))}.json`);
  const time = new Date(Date.now() - 2 * HOUR);
  await utimes(path, time, time);
  await b.records.get(sha256("x"));
  assert.ok(Date.now() - (await stat(path)).mtimeMs < 60_000);
});

test("a folder that cannot be read is reported, not thrown", async () => {
  await using b = await bench();
  await rm(join(b.path, "derivations"), { recursive: true });
  await assert.rejects(b.sweep(1), { code: "ENOENT" });
});
