import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { digestHex, sha256 } from "../../src/bytes/digest.ts";
import { read } from "../../src/extents/index.ts";
import { StoreError } from "../../src/store/errors.ts";
import { testFactory } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addTinyRelease, BOOT_FILES, VERSION } from "../support/release.ts";
import { itemBytes, openStoreWork } from "../support/store-work.ts";

const NEVER = new AbortController().signal;
const KEY = freshKey();

/** A factory on a fresh folder, and a schematic in it. */
async function fixture(onRead?: () => void) {
  const folder = await temporaryFolder();
  const registry = new TestRegistry();
  await addTinyRelease(registry, KEY);
  await registry.writeLayout(join(folder.path, "layout"));
  const built = await testFactory({
    source: { $case: "layout", folder: join(folder.path, "layout") },
    publicKey: pemOf(KEY),
    dataFolder: folder.path,
    ...(onRead ? { onRead } : {}),
  });
  const { id } = await built.factory.putSchematic(Buffer.from("customization: {}\n"));
  return {
    ...built,
    blob: (bytes: Uint8Array): string => join(folder.path, "oci/blobs/sha256", digestHex(sha256(bytes))),
    asset: (path: string) => ({ schematic: id, version: VERSION, path }),
    async [Symbol.asyncDispose]() {
      await built[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test("a result in memory whose blobs were evicted is made anew, with the same bytes", async () => {
  await using folder = await temporaryFolder();
  const work = await openStoreWork(folder.path);
  const [first, second] = await work.item(3);
  for (const gone of [[first!], [second!], [first!, second!]]) {
    for (const { digest } of gone) assert.equal(await work.blobs.evict(digest), true);
    assert.deepEqual(await work.item(3), [first, second]);
    assert.deepEqual(
      new Uint8Array(await work.blobs.read(second!.digest, 0, second!.size)),
      new Uint8Array(itemBytes(3, 1)),
    );
  }
  await work.close();
});

test("assets are the same after all of their blobs were removed by another process", async () => {
  await using f = await fixture();
  const before = await f.factory.asset(f.asset("metal-amd64-uki.efi"), NEVER);
  const jobs = f.derived.length;
  for (const bytes of Object.values(BOOT_FILES)) await rm(f.blob(bytes));
  const after = await f.factory.asset(f.asset("metal-amd64-uki.efi"), NEVER);
  assert.equal(after.identity, before.identity);
  assert.deepEqual(
    f.derived.slice(jobs).map(({ kind }) => kind),
    ["files"],
  );
});

test("a plan under whose hands a blob vanishes is made once more, and fails when it vanishes again", async () => {
  let vanish = 0;
  await using f = await fixture(() => {
    if (vanish-- > 0) throw new StoreError("blob_missing", "gone");
  });
  vanish = 1;
  const uki = await f.factory.asset(f.asset("metal-amd64-uki.efi"), NEVER);
  assert.ok(uki.size > 0);
  vanish = 2;
  await assert.rejects(f.factory.asset(f.asset("metal-amd64-uki.efi"), NEVER), { code: "blob_missing" });
  vanish = 0;
  assert.equal((await f.factory.asset(f.asset("metal-amd64-uki.efi"), NEVER)).identity, uki.identity);
});

test("what is removed as fast as it is made is given up, not tried for ever", async () => {
  await using folder = await temporaryFolder();
  const work = await openStoreWork(folder.path);
  const { blobs } = work;
  let made = 0;
  blobs.lease = () => ({
    async hold() {
      made++;
      return false;
    },
    release: () => undefined,
  });
  await assert.rejects(work.item(5), { code: "blob_missing" });
  assert.equal(made, 3);
  await work.close();
});

test("a lease keeps the blobs of an asset until it is released", async () => {
  await using f = await fixture();
  const lease = f.blobs.lease();
  const uki = await f.factory.asset(f.asset("metal-amd64-uki.efi"), NEVER, lease);
  for (const extent of uki.extents) {
    if (extent.$case === "blob") assert.equal(await f.blobs.evict(extent.digest), false);
  }
  // Another process does not know of the lease; what is held can be read all the same.
  for (const bytes of Object.values(BOOT_FILES)) await rm(f.blob(bytes));
  assert.equal((await read(uki, f.blobs)).length, uki.size);
  lease.release();
  for (const extent of uki.extents) {
    if (extent.$case === "blob") assert.equal(await f.blobs.evict(extent.digest), true);
  }
});
