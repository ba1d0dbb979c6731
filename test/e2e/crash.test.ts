import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LocalBlobStore } from "../../src/store/local-blobs.ts";
import { checkDataFolder } from "../support/data-folder.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ITEMS, itemBytes, openStoreWork } from "../support/store-work.ts";

const CHILD = fileURLToPath(new URL("../support/crash-child.ts", import.meta.url));
const KILLS = 200;
const LANES = 4;
/** Longest time a child works before it is killed, milliseconds. */
const MAX_LIFE_MS = 120;
/** About half of what all derivations store, so that eviction is cut off as well. */
const MAX_BYTES = 5 * 1024 * 1024;

/** Numbers below 1 that only look random: a run that fails can be run again (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Starts a child on the folder, lets it work for a while and kills it. Gives how it ended. */
async function killOne(folder: string, start: number, lifeMs: number): Promise<string | null> {
  const child = spawn(process.execPath, [CHILD, folder, String(start), String(MAX_BYTES)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<string | null>((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
  await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), ended]);
  await delay(lifeMs);
  child.kill("SIGKILL");
  return await ended;
}

test("kill -9 at 200 random points leaves no partial and no wrong blob", { timeout: 120_000 }, async (t) => {
  await using folder = await temporaryFolder();
  let next = 0;
  const lane = async (seed: number): Promise<void> => {
    const number = random(seed);
    while (next < KILLS) {
      const kill = next++;
      const signal = await killOne(folder.path, Math.floor(number() * ITEMS), number() * MAX_LIFE_MS);
      assert.equal(signal, "SIGKILL", "the child failed by itself");
      if (kill % 10 === 0) assert.deepEqual((await checkDataFolder(folder.path)).wrong, []);
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i + 1)));
  const left = await checkDataFolder(folder.path);
  t.diagnostic(`after ${KILLS} kills: ${JSON.stringify(left)}`);
  assert.deepEqual(left.wrong, []);
  assert.ok(left.blobs > 0 && left.records > 0 && left.temporary > 0, "nothing was cut off: the test tests nothing");

  // A new process finds or makes every derivation with the right bytes.
  const work = await openStoreWork(folder.path);
  for (let item = 0; item < ITEMS; item++) {
    for (const [part, { digest, size }] of (await work.item(item)).entries()) {
      const bytes = itemBytes(item, part);
      assert.equal(size, bytes.length);
      assert.deepEqual(new Uint8Array(await work.blobs.read(digest, 0, size)), new Uint8Array(bytes));
    }
  }
  await work.close();
  assert.deepEqual((await checkDataFolder(folder.path)).wrong, []);

  // What was cut off is removed once nobody can be writing it any more.
  for (const name of await readdir(join(folder.path, "tmp"))) await utimes(join(folder.path, "tmp", name), 1, 1);
  (await LocalBlobStore.open(folder.path, Date.now())).close();
  assert.equal((await checkDataFolder(folder.path)).temporary, 0);
});
