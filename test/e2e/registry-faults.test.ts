import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { after, before, describe, it } from "node:test";
import { pino } from "pino";
import { sha256 } from "../../src/bytes/digest.ts";
import { DEFAULT_LIMITS, type RegistryCredentials } from "../../src/sources/index.ts";
import { filesIn, type TestFactory, testFactory } from "../support/factory.ts";
import { type Fault, type FaultProxy, faultProxy } from "../support/fault-proxy.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { type RunningRegistry, serveRegistry } from "../support/registry-server.ts";
import { bootFiles } from "../support/release.ts";
import { layer } from "../support/tar.ts";

const key = freshKey();
const IMAGER = "siderolabs/imager";
const SECRET = "correct-horse-battery";
const credentials: RegistryCredentials = { $case: "password", username: "anna", password: SECRET };
/** The empty schematic. */
const SCHEMATIC = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";

const limits = {
  ...DEFAULT_LIMITS,
  headMs: 500,
  idleMs: 500,
  totalMs: 3000,
  attempts: 3,
  firstPauseMs: 5,
  maxPauseMs: 20,
  retryAfterMs: 1500,
};

const status = (code: number, headers: Record<string, string> = {}): Fault => ({
  $case: "status",
  status: code,
  headers,
});
const basicChallenge = status(401, { "www-authenticate": 'Basic realm="r"' });
const CUT = 100_000;

interface Row {
  readonly name: string;
  readonly where: RegExp;
  readonly faults: readonly Fault[];
  /** What a client is told; undefined when the fault is overcome. The fault lasts until it is cleared then. */
  readonly told: RegExp | undefined;
}

const blobs = /\/blobs\//;
const manifests = /\/manifests\//;

const ROWS: readonly Row[] = [
  { name: "a cut blob", where: blobs, faults: [{ $case: "cut", after: CUT }], told: undefined },
  { name: "a stalled blob", where: blobs, faults: [{ $case: "stall", after: CUT }], told: undefined },
  {
    name: "a cut blob and no ranges",
    where: blobs,
    faults: [{ $case: "cut", after: CUT }, { $case: "whole" }],
    told: undefined,
  },
  { name: "a burst of 503", where: /./, faults: [status(503), status(502)], told: undefined },
  { name: "429", where: manifests, faults: [status(429, { "retry-after": "1" })], told: undefined },
  { name: "a question who asks", where: manifests, faults: [basicChallenge], told: undefined },
  { name: "a blob cut each time", where: blobs, faults: [{ $case: "cut", after: 10 }], told: /was the last$/ },
  { name: "a silent registry", where: manifests, faults: [{ $case: "silent" }], told: /silent for 0\.5 s; attempt 3/ },
  {
    name: "a dripping blob",
    where: blobs,
    faults: [{ $case: "drip", bytes: 100, everyMs: 50 }],
    told: /gave up|no time/,
  },
  { name: "500 for ever", where: manifests, faults: [status(500)], told: /answered with status 500; attempt 3/ },
  { name: "refused credentials", where: manifests, faults: [basicChallenge], told: /does not accept the credentials$/ },
  {
    name: "a long pause",
    where: blobs,
    faults: [status(429, { "retry-after": "600" })],
    told: /asks to be left alone for 600 s$/,
  },
  { name: "a redirect to itself", where: blobs, faults: [{ $case: "redirect", fresh: false }], told: /in a circle$/ },
  {
    name: "redirects without end",
    where: blobs,
    faults: [{ $case: "redirect", fresh: true }],
    told: /more than 5 redi/,
  },
  { name: "a flipped bit", where: blobs, faults: [{ $case: "flip", at: CUT }], told: /the bytes have digest sha256:/ },
  { name: "a flipped bit in a manifest", where: manifests, faults: [{ $case: "flip", at: 9 }], told: /sha256:/ },
  { name: "a blob too short", where: blobs, faults: [{ $case: "size", by: -10 }], told: /of \d+ bytes arrived$/ },
  { name: "a blob too long", where: blobs, faults: [{ $case: "size", by: 10 }], told: /longer than the \d+ bytes/ },
  { name: "a Content-Length too small", where: blobs, faults: [{ $case: "length", by: -10 }], told: /bytes arrived$/ },
  {
    name: "another digest in the header",
    where: manifests,
    faults: [{ $case: "digest-header", digest: sha256("x") }],
    told: /announced as sha256:/,
  },
];

/** Each row has a release of its own, so that what one has left behind helps no other. */
const version = (row: number): string => `v1.14.${row + 1}`;

describe("a factory whose registry fails", () => {
  const registry = new TestRegistry();
  const kernels: Buffer[] = [];
  const logged: string[] = [];
  const open: AsyncDisposable[] = [];
  let server: RunningRegistry;
  let proxy: FaultProxy;
  let data: string;
  let factory: TestFactory;

  before(async () => {
    for (const [row] of ROWS.entries()) {
      const kernel = randomBytes(300_000);
      kernels.push(kernel);
      const files = bootFiles().map((file) => (file.name.endsWith("/vmlinuz") ? { ...file, body: kernel } : file));
      registry.release(IMAGER, version(row), [{ bytes: await layer(files) }], key);
    }
    server = await serveRegistry(registry, undefined, 100);
    proxy = await faultProxy(server.base);
    const folder = await temporaryFolder();
    data = folder.path;
    factory = await testFactory({
      source: { $case: "registry", base: proxy.base, credentials, limits },
      publicKey: pemOf(key),
      dataFolder: data,
      logger: pino({ level: "trace" }, { write: (line: string) => logged.push(line) }),
    });
    open.push(folder, server, proxy, factory);
    const { statusCode } = await factory.app.inject({
      method: "POST",
      url: "/schematics",
      payload: "customization: {}\n",
    });
    assert.equal(statusCode, 201);
    assert.equal((await factory.app.inject("/versions")).statusCode, 200);
  });
  after(async () => {
    for (const one of open.reverse()) await one[Symbol.asyncDispose]();
  });

  const kernel = (row: number) => factory.app.inject(`/image/${SCHEMATIC}/${version(row)}/kernel-amd64`);

  for (const [row, { name, where, faults, told }] of ROWS.entries()) {
    it(name, async () => {
      const stored = await filesIn(data);
      const from = performance.now();
      proxy.inject(where, faults, told !== undefined);
      const faulty = await kernel(row);
      assert.ok(performance.now() - from < 2 * limits.totalMs + 2000, "bounded in time");
      if (told === undefined) assert.equal(faulty.statusCode, 200, faulty.payload.slice(0, 500));
      else {
        assert.equal(faulty.statusCode, 500);
        assert.match(faulty.payload.trimEnd(), told);
        assert.ok(!faulty.payload.includes(data) && !faulty.payload.includes(import.meta.dirname));
        assert.deepEqual(await filesIn(data), stored, "nothing is left of the failure");
      }
      proxy.clear();
      const answer = await kernel(row);
      assert.equal(answer.statusCode, 200, answer.payload.slice(0, 500));
      assert.ok(answer.rawPayload.equals(kernels[row]!));
      if (told === undefined) assert.ok(faulty.rawPayload.equals(kernels[row]!));
      assert.ok(!faulty.payload.includes(SECRET));
    });
  }

  it("every stored blob is what its name says, and no log line holds the credentials", async () => {
    let judged = 0;
    for (const path of await filesIn(data)) {
      if (!/^[0-9a-f]{64}$/.test(basename(path)) || !path.includes("blobs")) continue;
      assert.equal(sha256(await readFile(`${data}/${path}`)), `sha256:${basename(path)}`);
      judged++;
    }
    assert.ok(judged >= ROWS.length);
    const encoded = Buffer.from(`anna:${SECRET}`).toString("base64");
    for (const line of logged) assert.ok(!line.includes(SECRET) && !line.includes(encoded), line);
    assert.ok(logged.length > ROWS.length);
  });
});
