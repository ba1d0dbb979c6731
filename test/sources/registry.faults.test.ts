import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { sha256 } from "../../src/bytes/digest.ts";
import { MediaType } from "../../src/formats/oci/index.ts";
import { DEFAULT_LIMITS } from "../../src/sources/patience.ts";
import { RegistrySource } from "../../src/sources/registry.ts";
import { collect } from "../../src/sources/verify.ts";
import { type Fault, type FaultProxy, faultProxy } from "../support/fault-proxy.ts";
import { TestRegistry } from "../support/registry.ts";
import { type RunningRegistry, serveRegistry } from "../support/registry-server.ts";

const SIZE = 300_000;
const HALF = SIZE / 2;
const bytes = randomBytes(SIZE);
const blob = { mediaType: MediaType.ociLayer, digest: sha256(bytes), size: SIZE };

const limits = {
  ...DEFAULT_LIMITS,
  headMs: 1000,
  idleMs: 1000,
  totalMs: 6000,
  attempts: 3,
  progressBytes: 40_000,
  firstPauseMs: 5,
  maxPauseMs: 20,
  retryAfterMs: 1500,
};

const nothing: Fault = { $case: "none" };
const silent: Fault = { $case: "silent" };
const whole: Fault = { $case: "whole" };
const cut = (after?: number): Fault => (after === undefined ? { $case: "cut" } : { $case: "cut", after });
const stall = (after: number): Fault => ({ $case: "stall", after });
const status = (code: number, headers: Record<string, string> = {}): Fault => ({
  $case: "status",
  status: code,
  headers,
});
const times = (count: number, fault: Fault): readonly Fault[] => Array(count).fill(fault);
const later = (seconds: number): string => new Date(Date.UTC(2030, 0, 1) + seconds * 1000).toUTCString();

/** A fault, what comes of it, and for how many requests; `for ever` repeats the last fault. */
type Row = readonly [
  name: string,
  faults: readonly Fault[],
  outcome: "ok" | "unreachable" | "denied" | "not_found" | "malformed" | "size_mismatch" | "digest_mismatch",
  requests?: number,
];

/** Faults any question may meet. */
const COMMON: readonly Row[] = [
  ["silence once", [silent], "ok", 2],
  ["silence for ever", [silent, silent], "unreachable", 3],
  ["a cut before the head", [cut()], "ok", 2],
  ["a cut before the head, for ever", [cut(), cut()], "unreachable", 3],
  ["a burst of 500", times(2, status(500)), "ok", 3],
  ["502, 503", [status(502), status(503)], "ok", 3],
  ["504 for ever", [status(504), status(504)], "unreachable", 3],
  ["429 with Retry-After", [status(429, { "retry-after": "1" })], "ok", 2],
  ["429 with a date", [status(429, { "retry-after": later(1), date: later(0) })], "ok", 2],
  ["429 with a pause too long", [status(429, { "retry-after": "3600" })], "unreachable", 1],
  ["503 with a pause beyond all numbers", [status(503, { "retry-after": "9".repeat(400) })], "ok", 2],
  ["503 with a pause of nonsense", [status(503, { "retry-after": "-1" })], "ok", 2],
  ["403", [status(403)], "denied", 1],
  ["404", [status(404)], "not_found", 1],
  ["418", [status(418)], "unreachable", 1],
  ["a redirect to itself", [{ $case: "redirect", fresh: false }], "unreachable", 1],
  [
    "redirects without end",
    [
      { $case: "redirect", fresh: true },
      { $case: "redirect", fresh: true },
    ],
    "unreachable",
    6,
  ],
  ["no HTTP once", [{ $case: "garbage" }], "ok", 2],
  ["no HTTP for ever", [{ $case: "garbage" }, { $case: "garbage" }], "unreachable", 3],
];

const BLOB: readonly Row[] = [
  ...COMMON,
  ["a cut in the body", [cut(HALF)], "ok", 2],
  ["a cut before the last byte", [cut(SIZE - 1)], "ok", 2],
  ["many cuts, each with progress", times(6, cut(45_000)), "ok", 7],
  ["many cuts, each with little progress", times(6, cut(1000)), "unreachable", 3],
  ["a stall", [stall(HALF)], "ok", 2],
  ["a stall at the first byte", [stall(0)], "ok", 2],
  ["a stall after every piece", times(4, stall(100_000)), "ok", 3],
  ["a cut, then a registry that knows no ranges", [cut(HALF), whole], "ok", 2],
  ["a cut, then the whole cut at the same place", [cut(HALF), ...times(3, whole)], "ok", 2],
  ["an end of the connection only", [{ $case: "unframed", after: HALF }], "ok", 2],
  ["an end of the connection only, for ever", times(2, { $case: "unframed", after: 0 }), "unreachable", 3],
  ["a Content-Length too large", [{ $case: "length", by: 500 }], "ok", 1],
  ["a Content-Length too small", [{ $case: "length", by: -500 }], "size_mismatch", 1],
  ["fewer bytes", [{ $case: "size", by: -1 }], "size_mismatch", 1],
  ["more bytes", [{ $case: "size", by: 1 }], "size_mismatch", 1],
  ["a flipped bit at the start", [{ $case: "flip", at: 0 }], "digest_mismatch", 1],
  ["a flipped bit at the end", [{ $case: "flip", at: SIZE - 1 }], "digest_mismatch", 1],
  ["a cut, then a flipped bit", [cut(HALF), { $case: "flip", at: 0 }], "digest_mismatch", 2],
  ["a cut, then fewer bytes", [cut(HALF), { $case: "size", by: -1 }], "ok", 3],
  ["a cut, then more bytes", [cut(HALF), { $case: "size", by: 1 }], "size_mismatch", 2],
  ["a cut, then a later part", [cut(HALF), { $case: "range", shift: 10 }], "malformed", 2],
  ["a cut, then an earlier part", [cut(HALF), { $case: "range", shift: -10 }], "malformed", 2],
  ["a cut, then less than asked for", [cut(HALF), { $case: "part", bytes: 5000 }], "ok", 3],
  ["a cut, then 416", [cut(HALF), status(416)], "unreachable", 2],
  ["a part that was not asked for", [status(206)], "unreachable", 1],
  ["a slow drip", times(2, { $case: "drip", bytes: 1000, everyMs: 50 }), "unreachable"],
  ["bursts of everything", [status(500), cut(50_000), silent, stall(80_000), status(429), whole], "ok", 6],
];

const MANIFEST: readonly Row[] = [
  ...COMMON,
  ["a cut in the body", [cut(20)], "ok", 2],
  ["a stall in the body", [stall(20)], "ok", 2],
  ["a Content-Length too large", [{ $case: "length", by: 5 }], "ok", 2],
  ["a Content-Length too small", [{ $case: "length", by: -5 }], "digest_mismatch", 1],
  ["fewer bytes", [{ $case: "size", by: -5 }], "digest_mismatch", 1],
  ["more bytes", [{ $case: "size", by: 5 }], "digest_mismatch", 1],
  ["a flipped bit", [{ $case: "flip", at: 30 }], "digest_mismatch", 1],
  ["a slow drip", times(2, { $case: "drip", bytes: 1, everyMs: 100 }), "unreachable"],
];

const TAG: readonly Row[] = [
  ...MANIFEST,
  ["another digest in the header", [{ $case: "digest-header", digest: sha256("x") }], "digest_mismatch", 1],
];

describe("a registry behind faults", { concurrency: 16 }, () => {
  const registry = new TestRegistry();
  const image = registry.release("a/b", "v1", [{ bytes }]);
  let server: RunningRegistry;
  before(async () => {
    server = await serveRegistry(registry);
  });
  after(() => server[Symbol.asyncDispose]());

  const questions: readonly (readonly [
    string,
    RegExp,
    readonly Row[],
    (source: RegistrySource) => Promise<unknown>,
    unknown,
  ])[] = [
    [
      "blob",
      /\/blobs\//,
      BLOB,
      async (source) => Buffer.from(await collect(source.blob("a/b", blob), SIZE, "blob")),
      bytes,
    ],
    [
      "manifest",
      /\/manifests\//,
      MANIFEST,
      async (source) => Buffer.from(await source.manifest("a/b", image.digest)),
      Buffer.from(registry.blobs.get(image.digest)!),
    ],
    ["tag", /\/manifests\//, TAG, (source) => source.resolve("a/b", "v1"), image],
    ["tags", /\/tags\//, COMMON, (source) => source.tags("a/b"), ["v1"]],
  ];
  for (const [question, where, rows, ask, right] of questions) {
    for (const [name, faults, outcome, requests] of rows) {
      it(`${question}: ${name}`, async () => {
        await using proxy = await faultProxy(server.base);
        const source = new RegistrySource({ base: proxy.base, limits });
        proxy.inject(where, faults, outcome === "unreachable");
        await judge(proxy, () => ask(source), right, outcome, requests);
        proxy.clear();
        assert.deepEqual(await ask(source), right, "after the fault has cleared");
      });
    }
  }
});

async function judge(
  proxy: FaultProxy,
  ask: () => Promise<unknown>,
  right: unknown,
  outcome: Row[2],
  requests: number | undefined,
): Promise<void> {
  const from = performance.now();
  if (outcome === "ok") assert.deepEqual(await ask(), right);
  else await assert.rejects(ask, { name: "FactoryError", code: outcome });
  assert.ok(performance.now() - from < limits.totalMs + 1500, "bounded in time");
  if (requests !== undefined) assert.equal(proxy.seen.length, requests, proxy.seen.join("\n"));
}

it("a blob goes on where it was cut, and a wrong byte is never the last one given out", async () => {
  const registry = new TestRegistry();
  registry.release("a/b", "v1", [{ bytes }]);
  await using server = await serveRegistry(registry);
  await using proxy = await faultProxy(server.base);
  const source = new RegistrySource({ base: proxy.base, limits });
  proxy.inject(/\/blobs\//, [cut(100_000), stall(50_000), nothing]);
  await collect(source.blob("a/b", blob), SIZE, "blob");
  const [, second = "", third = ""] = proxy.seen.map((line) => line.split(" ")[1]);
  assert.equal(second, "bytes=100000-");
  assert.equal(third, "bytes=150000-");

  proxy.inject(/\/blobs\//, [{ $case: "flip", at: 5 }]);
  let given = 0;
  await assert.rejects(
    async () => {
      for await (const chunk of source.blob("a/b", blob)) given += chunk.length;
    },
    { code: "digest_mismatch" },
  );
  assert.ok(given < SIZE);
});
