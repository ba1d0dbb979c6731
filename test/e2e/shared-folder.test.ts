import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Digest } from "../../src/bytes/digest.ts";
import { type ChildServer, childServer } from "../support/child-server.ts";
import { checkDataFolder } from "../support/data-folder.ts";
import { temporaryFolder } from "../support/folder.ts";
import { digestOf, type LayoutSource, ORDERS, orderUrl, tinyLayout } from "../support/orders.ts";

/** Less than one order needs: everything that is not in use is removed again and again. */
const TIGHT = "64KiB";

describe("two processes on one data folder", () => {
  let layout: LayoutSource;
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let expected: readonly Digest[];

  const start = (folder: string, ...more: readonly string[]): Promise<ChildServer> =>
    childServer({ ...layout, data: join(data.path, folder), more });

  before(async () => {
    layout = await tinyLayout();
    data = await temporaryFolder();
    await using alone = await start("reference");
    const digests: Digest[] = [];
    for (const order of ORDERS) digests.push(await digestOf(await orderUrl(alone.url, order)));
    expected = digests;
  });
  after(async () => {
    await layout[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
  });

  /** Orders everything from all servers at once, some of it twice. */
  const orderAll = async (servers: readonly ChildServer[]): Promise<void> => {
    const answers = servers.flatMap(({ url }, number) =>
      ORDERS.flatMap((order, i) => {
        const copies = (i + number) % 2 === 0 ? 2 : 1;
        return Array.from({ length: copies }, async () => {
          assert.equal(await digestOf(await orderUrl(url, order)), expected[i], order[1]);
        });
      }),
    );
    const failed = (await Promise.allSettled(answers)).filter((answer) => answer.status === "rejected");
    assert.deepEqual(
      failed.map(({ reason }) => String(reason)),
      [],
    );
  };
  const verify = async (folder: string): Promise<void> => {
    const { wrong, temporary } = await checkDataFolder(join(data.path, folder));
    assert.deepEqual({ wrong, temporary }, { wrong: [], temporary: 0 });
  };

  it("makes the same bytes at once", async () => {
    await using first = await start("plain");
    await using second = await start("plain");
    await orderAll([first, second]);
    await verify("plain");
  });

  it("serves right bytes while one of them evicts", async () => {
    await using plain = await start("evicted");
    await using evicting = await start("evicted", "--max-size", TIGHT);
    // Sweeps are at least a second apart; until both servers have met what a sweep removed, orders go on.
    const madeAnew = ({ lines }: ChildServer): boolean => {
      const keys = lines.filter(({ msg }) => msg === "derived").map(({ key }) => key);
      return new Set(keys).size < keys.length;
    };
    for (let round = 0; round < 30 && !(round >= 3 && madeAnew(plain) && madeAnew(evicting)); round++) {
      await orderAll([plain, evicting]);
      await delay(300);
    }
    assert.ok(madeAnew(plain) && madeAnew(evicting), "nothing that was used was removed");
    assert.ok(evicting.lines.some(({ msg, removed }) => msg === "evicted" && Number(removed) > 0));
    assert.ok(!plain.lines.some(({ msg }) => msg === "evicted"));
    await verify("evicted");
  });

  it("serves right bytes with eviction alone, and keeps the limit when nothing is in use", async () => {
    await using server = await start("alone", "--max-size", TIGHT);
    await orderAll([server]);
    await delay(2500);
    await orderAll([server]);
    await delay(2500);
    const last = server.lines.filter(({ msg }) => msg === "evicted").at(-1);
    assert.ok(Number(last?.bytes) <= 64 * 1024, JSON.stringify(last));
    await verify("alone");
  });

  it("outlives kill -9 of the other in the middle of its work", async () => {
    await using lasting = await start("killed");
    for (let round = 0; round < 6; round++) {
      const doomed = await start("killed", "--max-size", TIGHT);
      const orders = ORDERS.map(async (order) => digestOf(await orderUrl(doomed.url, order)));
      const ends = Promise.allSettled(orders);
      await delay(20 + round * 40);
      await doomed.kill();
      for (const [i, end] of (await ends).entries()) {
        if (end.status === "fulfilled") assert.equal(end.value, expected[i]);
      }
      assert.deepEqual((await checkDataFolder(join(data.path, "killed"))).wrong, []);
    }
    await orderAll([lasting]);
    assert.deepEqual((await checkDataFolder(join(data.path, "killed"))).wrong, []);
  });
});
