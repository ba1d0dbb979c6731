import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../src/bytes/digest.ts";
import { zeros } from "../../src/extents/index.ts";
import { WorkerPool } from "../../src/workers/pool.ts";
import { temporaryFolder } from "../support/folder.ts";

const NEVER = new AbortController().signal;
const setup = (dataFolder: string) => ({ dataFolder, forceFallbackCodec: false, mtime: 0 });
/** Hours of work. */
const ENDLESS = { extents: zeros(2 ** 44).extents };

test("a job runs in a worker and its result comes back", async () => {
  await using data = await temporaryFolder();
  const pool = new WorkerPool(setup(data.path), 1);
  const made = await pool.run("digest", { extents: zeros(1000).extents }, NEVER);
  assert.deepEqual(made, { digest: sha256(new Uint8Array(1000)), size: 1000 });
  await pool.close();
});

test("errors of a job come back with their code", async () => {
  await using data = await temporaryFolder();
  const pool = new WorkerPool(setup(data.path), 1);
  const blob = { digest: sha256("not there"), size: 10 };
  await assert.rejects(pool.run("sample", { blob }, NEVER), { code: "blob_missing" });
  await assert.rejects(pool.run("digest", ENDLESS, AbortSignal.abort()));
  await pool.close();
});

test("a running job stops when nobody waits any more, and those that wait in the queue never start", async () => {
  await using data = await temporaryFolder();
  const pool = new WorkerPool(setup(data.path), 1);
  const leaver = new AbortController();
  const jobs = [1, 2, 3].map(() => pool.run("digest", ENDLESS, leaver.signal));
  const all = Promise.all(jobs.map((job) => assert.rejects(job, { code: "cancelled" })));
  setTimeout(() => leaver.abort(), 200);
  await all;
  await pool.close();
});

test("jobs are refused when too many wait; closing the pool cancels the others", async () => {
  await using data = await temporaryFolder();
  const pool = new WorkerPool(setup(data.path), 1);
  const codes = Array.from({ length: 600 }, () =>
    pool.run("digest", ENDLESS, NEVER).then(
      () => "done",
      (error: { code: string }) => error.code,
    ),
  );
  assert.equal(await codes.at(-1), "overloaded");
  await pool.close();
  const counts = Map.groupBy(await Promise.all(codes), (code) => code);
  assert.deepEqual([...counts.keys()].sort(), ["cancelled", "overloaded"]);
  assert.ok(counts.get("cancelled")!.length >= 512);
});
