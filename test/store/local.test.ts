import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { digestHex, sha256 } from "../../src/bytes/digest.ts";
import { LocalBlobStore, writeBlob } from "../../src/store/local-blobs.ts";
import { LocalRecords, LocalSchematics } from "../../src/store/local-records.ts";

const BYTES = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) & 0xff);
const DIGEST = sha256(BYTES);

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "store-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function assertNothingStored(path: string): Promise<void> {
  assert.deepEqual(await readdir(join(path, "tmp")), []);
  assert.deepEqual(await readdir(join(path, "oci/blobs/sha256")), []);
}

test("a blob is stored under its digest in an OCI image layout and read by range", async (t) => {
  const path = await folder(t);
  const store = await LocalBlobStore.open(path, Date.now());
  const ref = await writeBlob(store, chunks(BYTES, 1000), { maxBytes: BYTES.length });
  assert.deepEqual(ref, { digest: DIGEST, size: BYTES.length });
  assert.equal(await store.size(DIGEST), BYTES.length);
  assert.deepEqual([...(await store.read(DIGEST, 99_990, 10))], [...BYTES.subarray(99_990)]);
  assert.equal(JSON.parse(await readFile(join(path, "oci/oci-layout"), "utf8")).imageLayoutVersion, "1.0.0");
  assert.equal(sha256(await readFile(join(path, "oci/blobs/sha256", digestHex(DIGEST)))), DIGEST);
  assert.deepEqual(await readdir(join(path, "tmp")), []);
  store.close();
});

test("refused writes leave nothing behind", async (t) => {
  const path = await folder(t);
  const store = await LocalBlobStore.open(path, Date.now());
  const write = (maxBytes: number, expected: { digest: typeof DIGEST; size: number }) =>
    writeBlob(store, chunks(BYTES, 999), { maxBytes, expected });
  await assert.rejects(write(BYTES.length - 1, { digest: DIGEST, size: BYTES.length }), { code: "blob_too_large" });
  await assert.rejects(write(1e6, { digest: sha256("other"), size: BYTES.length }), { code: "blob_mismatch" });
  await assert.rejects(write(1e6, { digest: DIGEST, size: BYTES.length + 1 }), { code: "blob_mismatch" });
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield BYTES;
    throw new Error("source broke");
  }
  await assert.rejects(writeBlob(store, broken(), { maxBytes: 1e6 }), /source broke/);
  await assertNothingStored(path);
});

test("reading what is not there, or beyond its end, is a coded error", async (t) => {
  const store = await LocalBlobStore.open(await folder(t), Date.now());
  await assert.rejects(store.read(DIGEST, 0, 1), { code: "blob_missing" });
  assert.equal(await store.size(DIGEST), undefined);
  await writeBlob(store, chunks(BYTES, 5000), { maxBytes: 1e6 });
  await assert.rejects(store.read(DIGEST, BYTES.length - 1, 2), { code: "store_damaged" });
  assert.equal((await store.read(DIGEST, 0, 1))[0], BYTES[0]);
  store.close();
});

test("many blobs are read at once although few files stay open", async (t) => {
  const store = await LocalBlobStore.open(await folder(t), Date.now());
  const refs = await Promise.all(
    Array.from({ length: 300 }, (_, i) => writeBlob(store, [Uint8Array.of(i & 0xff, i >> 8)], { maxBytes: 2 })),
  );
  const reads = await Promise.all([...refs, ...refs].map((ref) => store.read(ref.digest, 0, 2)));
  for (const [i, bytes] of reads.entries()) assert.equal(bytes[0]! + bytes[1]! * 256, i % 300);
  store.close();
});

test("opening removes stale temporary files and keeps fresh ones", async (t) => {
  const path = await folder(t);
  await LocalBlobStore.open(path, Date.now());
  await writeFile(join(path, "tmp/old"), "x");
  await writeFile(join(path, "tmp/new"), "x");
  await mkdir(join(path, "tmp/folder/inside"), { recursive: true });
  for (const name of ["old", "folder"]) await utimes(join(path, "tmp", name), 1, 1);
  await LocalBlobStore.open(path, Date.now());
  assert.deepEqual(await readdir(join(path, "tmp")), ["new"]);
});

test("records survive a restart; a damaged one reads as absent", async (t) => {
  const path = await folder(t);
  await LocalBlobStore.open(path, Date.now());
  await (await LocalRecords.open(path)).put(DIGEST, { a: [1] });
  const records = await LocalRecords.open(path);
  assert.deepEqual(await records.get(DIGEST), { a: [1] });
  assert.equal(await records.get(sha256("x")), undefined);
  await writeFile(join(path, "derivations", `${digestHex(DIGEST)}.json`), '{"a":');
  assert.equal(await records.get(DIGEST), undefined);
});

test("schematics are found by id only while their text hashes to it", async (t) => {
  const path = await folder(t);
  await LocalBlobStore.open(path, Date.now());
  const schematics = await LocalSchematics.open(path);
  const id = digestHex(sha256("customization: {}\n"));
  await schematics.put(id, "customization: {}\n");
  assert.equal(await schematics.get(id), "customization: {}\n");
  for (const bad of ["", "../x", id.toUpperCase(), `${id}0`, id.replace(/^./, "f")]) {
    assert.equal(await schematics.get(bad), undefined);
  }
  await writeFile(join(path, "schematics", `${id}.yaml`), "customization:\n    damaged: true\n");
  assert.equal(await schematics.get(id), undefined);
});
