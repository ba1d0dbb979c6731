import assert from "node:assert/strict";
import { test } from "node:test";
import { SourceError } from "../../src/sources/errors.ts";
import { type Clock, DEFAULT_LIMITS, Patience, retryAfter, TransientError } from "../../src/sources/patience.ts";

/** A clock that only sleeping moves; it notes each pause. */
function testClock(random: number): Clock & { readonly pauses: number[] } {
  let now = 0;
  const pauses: number[] = [];
  return {
    pauses,
    now: () => now,
    random: () => random,
    async sleep(ms) {
      pauses.push(ms);
      now += ms;
    },
  };
}

async function failing(patience: Patience, failure: unknown = new TransientError("broken")): Promise<never> {
  return await patience.retried(async () => {
    throw failure;
  });
}

test("pauses double up to a limit, half of each is chance, and attempts end", async () => {
  for (const [random, expected] of [
    [0, [250, 500, 1000, 1500, 1500]],
    [0.5, [375, 750, 1500, 2250, 2250]],
  ] as const) {
    const clock = testClock(random);
    const patience = new Patience({ ...DEFAULT_LIMITS, attempts: 6, maxPauseMs: 3000 }, clock);
    await assert.rejects(failing(patience), { code: "unreachable", message: "broken; attempt 6 was the last" });
    assert.deepEqual(clock.pauses, expected);
  }
});

test("only failures that may pass are tried again", async () => {
  const clock = testClock(0);
  const failure = new SourceError("unreachable", "broken for good");
  await assert.rejects(failing(new Patience(DEFAULT_LIMITS, clock), failure), (thrown) => thrown === failure);
  assert.deepEqual(clock.pauses, []);
});

test("a registry's wish comes on top, unless it is too long", async () => {
  const clock = testClock(0);
  const limits = { ...DEFAULT_LIMITS, attempts: 3 };
  const wish = (retryAfterMs: number): TransientError => new TransientError("busy", { retryAfterMs });
  await assert.rejects(failing(new Patience(limits, clock), wish(60_000)), { code: "unreachable" });
  assert.deepEqual(clock.pauses, [60_250, 60_500]);
  await assert.rejects(failing(new Patience(limits, clock), wish(60_001)), {
    message: "busy; asks to be left alone for 60 s",
  });
  assert.equal(clock.pauses.length, 2);
});

test("all time together is bounded, however often something comes", async () => {
  const clock = testClock(0);
  const patience = new Patience({ ...DEFAULT_LIMITS, totalMs: 10_000, progressBytes: 1 }, clock);
  const progressing = patience.retried(async () => {
    patience.progress(1);
    const waiting = Promise.resolve().then(() => clock.sleep(900, new AbortController().signal));
    await patience.wait(waiting, 1000, () => undefined);
    throw new TransientError("cut");
  });
  await assert.rejects(progressing, { message: "cut; gave up after 10 s" });
  assert.ok(clock.now() <= 10_900);
});

test("a wait is ended by the limit, and the limit by the time that is left", async () => {
  const patience = new Patience({ ...DEFAULT_LIMITS, totalMs: 50 }, testClock(0));
  for (const limit of [20, 1000]) {
    const { promise, reject } = Promise.withResolvers<never>();
    await assert.rejects(patience.wait(promise, limit, reject), { message: /^silent for 0(\.1)? s$/ });
  }
});

test("Retry-After", () => {
  const date = "Tue, 01 Jan 2030 00:00:00 GMT";
  const rows = [
    [undefined, undefined, 0],
    ["0", undefined, 0],
    ["120", undefined, 120_000],
    ["-1", undefined, 0],
    ["1.5", undefined, 0],
    ["soon", date, 0],
    ["9".repeat(400), date, 0],
    ["Tue, 01 Jan 2030 00:00:30 GMT", date, 30_000],
    ["Tue, 01 Jan 2029 00:00:30 GMT", date, 0],
    ["Tue, 01 Jan 2030 00:00:30 GMT", undefined, 0],
  ] as const;
  for (const [value, now, expected] of rows) assert.equal(retryAfter(value, now), expected, value);
});
