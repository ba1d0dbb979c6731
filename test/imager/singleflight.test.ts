import assert from "node:assert/strict";
import { test } from "node:test";
import { SingleFlight } from "../../src/imager/singleflight.ts";

const NEVER = new AbortController().signal;

test("concurrent requests for one key share the work", async () => {
  const flights = new SingleFlight<number>();
  const { promise, resolve } = Promise.withResolvers<number>();
  let started = 0;
  const work = (): Promise<number> => {
    started++;
    return promise;
  };
  const both = Promise.all([flights.run("a", NEVER, work), flights.run("a", NEVER, work)]);
  resolve(7);
  assert.deepEqual(await both, [7, 7]);
  assert.equal(started, 1);
  assert.equal(await flights.run("a", NEVER, async () => 8), 8);
});

test("one who leaves does not disturb the others", async () => {
  const flights = new SingleFlight<number>();
  const { promise, resolve } = Promise.withResolvers<number>();
  const leaver = new AbortController();
  const gone = assert.rejects(
    flights.run("a", leaver.signal, () => promise),
    { code: "cancelled" },
  );
  const stays = flights.run("a", NEVER, () => promise);
  leaver.abort();
  await gone;
  resolve(1);
  assert.equal(await stays, 1);
});

test("work is cancelled when the last one leaves, and starts anew for the next", async () => {
  const flights = new SingleFlight<string>();
  const leaver = new AbortController();
  let aborted = false;
  const gone = assert.rejects(
    flights.run(
      "a",
      leaver.signal,
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            aborted = true;
            reject(signal.reason);
          });
        }),
    ),
    { code: "cancelled" },
  );
  leaver.abort();
  await gone;
  assert.equal(await flights.run("a", NEVER, async () => "again"), "again");
  assert.ok(aborted);
});

test("failures reach all who wait and are not remembered", async () => {
  const flights = new SingleFlight<number>();
  const failing = async (): Promise<number> => {
    throw new Error("broken");
  };
  const results = await Promise.allSettled([flights.run("a", NEVER, failing), flights.run("a", NEVER, failing)]);
  assert.deepEqual(
    results.map((result) => result.status),
    ["rejected", "rejected"],
  );
  assert.equal(await flights.run("a", NEVER, async () => 3), 3);
});

test("a caller that has left already starts nothing", async () => {
  const flights = new SingleFlight<number>();
  await assert.rejects(
    flights.run("a", AbortSignal.abort(), () => assert.fail("started")),
    { code: "cancelled" },
  );
});
