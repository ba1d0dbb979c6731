import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Digest } from "../../src/bytes/digest.ts";
import { sha256 } from "../../src/bytes/digest.ts";
import { type ClientLimits, DEFAULT_CLIENT_LIMITS } from "../../src/server/limits.ts";
import { type RunningServer, startServer } from "../../src/server/serve.ts";
import { type ChildServer, childServer } from "../support/child-server.ts";
import { checkDataFolder } from "../support/data-folder.ts";
import { temporaryFolder } from "../support/folder.ts";
import { digestOf, LARGE_VERSION, type LayoutSource, type Order, orderUrl, tinyLayout } from "../support/orders.ts";
import { BOOT_FILES, VERSION } from "../support/release.ts";
import { postSchematic } from "../support/server.ts";

const KERNEL: Order = ["customization: {}\n", "kernel-amd64"];
/** 4 GB, nearly all of them zeros. */
const DISK: Order = ["customization:\n  bootloader: sd-boot\n", "metal-amd64.raw"];
/** The server's resident memory must never be more than this, with 200 stalled downloads: it starts with about 170 MiB. */
const MAX_MIB = 400;
/** A normal request is answered in this time while others misbehave, milliseconds; the test shares its machine. */
const PROMPT_MS = 4000;

/** A connection without any manners: what comes back is kept while it is small, errors only end it. */
interface Raw {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  text(): string;
}

async function raw(url: string, options: { readonly reading: boolean } = { reading: true }): Promise<Raw> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  let size = 0;
  if (options.reading) {
    socket.on("data", (bytes: Buffer) => {
      size += bytes.length;
      if (size < 65_536) received.push(bytes);
    });
  }
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await Promise.race([once(socket, "connect"), closed]);
  return { socket, closed, text: () => Buffer.concat(received).toString("latin1") };
}

const head = (url: string, method = "GET", ...lines: readonly string[]): string =>
  [`${method} ${new URL(url).pathname} HTTP/1.1`, "host: factory.test", ...lines, "", ""].join("\r\n");

/** Waits until a condition holds. */
async function until(what: string, holds: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!holds()) {
    assert.ok(performance.now() < end, `${what} did not come to be in ${ms} ms`);
    await delay(20);
  }
}

describe("bad clients", () => {
  let layout: LayoutSource;
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: ChildServer;
  let kernel: string;
  let disk: string;

  before(async () => {
    layout = await tinyLayout();
    data = await temporaryFolder();
    server = await childServer({ ...layout, data: join(data.path, "data") });
    kernel = await orderUrl(server.url, KERNEL);
    disk = await orderUrl(server.url, DISK);
    await digestOf(kernel);
    assert.equal((await fetch(disk, { method: "HEAD" })).status, 200);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
    await layout[Symbol.asyncDispose]();
  });

  /** Others are unharmed: a normal request gets its right answer soon, and the server has not grown. */
  const unharmed = async (expected: Digest = sha256(BOOT_FILES.vmlinuz)): Promise<void> => {
    const started = performance.now();
    assert.equal(await digestOf(kernel), expected);
    const ms = performance.now() - started;
    assert.ok(ms < PROMPT_MS, `a normal request took ${ms} ms`);
    const peak = await server.peakMiB();
    assert.ok(peak < MAX_MIB, `the server has had ${peak} MiB`);
  };
  const requests = (status: number): number => server.lines.filter((line) => line.status === status).length;

  it("who leave in the middle of a build", async () => {
    const before = requests(499);
    const schematics = Array.from(
      { length: 20 },
      (_, i) =>
        `customization:\n  bootloader: sd-boot\n  extraKernelArgs: [n=${i}]\n  systemExtensions:\n    officialExtensions: [siderolabs/alpha]\n`,
    );
    const ids = await Promise.all(schematics.map((schematic) => postSchematic(server.url, schematic)));
    await Promise.all(
      ids.map(async (id, i) => {
        const client = await raw(server.url);
        client.socket.write(head(`${server.url}/image/${id}/${VERSION}/metal-amd64.raw.zst`));
        await delay(i * 3);
        client.socket.destroy();
      }),
    );
    await unharmed();
    await until("a line for each who left", () => requests(499) + requests(200) - before >= 20);
    assert.ok(requests(499) > before);
    const { wrong } = await checkDataFolder(join(data.path, "data"));
    assert.deepEqual(wrong, []);
  });

  it("who leave in the middle of a download", async () => {
    const before = requests(499);
    const clients = await Promise.all(Array.from({ length: 20 }, () => raw(server.url)));
    for (const { socket } of clients) socket.write(head(disk));
    await until("the first bytes", () => clients.every(({ socket }) => socket.bytesRead > 0));
    for (const { socket } of clients) socket.destroy();
    await until("a line for each who left", () => requests(499) === before + 20);
    await unharmed();
  });

  it("who read a byte a second, or nothing, 200 at once", async () => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => raw(server.url, { reading: false })));
    const id = await postSchematic(server.url, "customization: {}\n");
    for (const { socket } of clients) socket.write(head(`${server.url}/image/${id}/${LARGE_VERSION}/kernel-amd64`));
    for (let second = 0; second < 3; second++) {
      await delay(1000);
      for (const { socket } of clients.slice(0, 100)) socket.read(1);
      await unharmed();
    }
    for (const { socket } of clients) socket.destroy();
  });

  it("who send 100 MB in spite of the answer, and then a good request", async () => {
    const client = await raw(server.url);
    client.socket.write(head(`${server.url}/schematics`, "POST", "content-length: 104857600"));
    for (let i = 0; i < 1600; i++) {
      if (!client.socket.write(Buffer.alloc(65_536, "a")))
        await Promise.race([once(client.socket, "drain"), client.closed]);
    }
    client.socket.write(head(`${server.url}/healthz`));
    await until("both answers", () => / 400 .* 200 /s.test(client.text()));
    client.socket.destroy();
    await unharmed();
  });

  it("who send a megabyte of headers", async () => {
    const client = await raw(server.url);
    client.socket.write(head(kernel, "GET", ...Array.from({ length: 1024 }, (_, i) => `x-${i}: ${"y".repeat(1016)}`)));
    await client.closed;
    assert.match(client.text(), /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
    await until("a line in the log", () =>
      server.lines.some(({ msg, status }) => msg === "bad request" && status === 431),
    );
    await unharmed();
  });

  it("who send what is no HTTP", async () => {
    const client = await raw(server.url);
    client.socket.write("\x16\x03\x01 hello\r\n\r\n");
    await client.closed;
    assert.match(client.text(), /^HTTP\/1\.1 400 Bad Request\r\n/);
    await until("a line in the log", () =>
      server.lines.some(({ msg, status }) => msg === "bad request" && status === 400),
    );
    await unharmed();
  });

  it("who ask for 10,000 ranges at once", async () => {
    const range = `bytes=${Array.from({ length: 10_000 }, () => "0-0").join(",")}`;
    const answer = await fetch(kernel, { headers: { range } });
    assert.equal(answer.status, 200);
    assert.equal(sha256(new Uint8Array(await answer.arrayBuffer())), sha256(BOOT_FILES.vmlinuz));
    await unharmed();
  });

  for (const [name, header, chunk] of [
    ["with its length said", "content-length: 104857600", (bytes: Buffer) => bytes],
    [
      "in chunks",
      "transfer-encoding: chunked",
      (bytes: Buffer) => Buffer.concat([Buffer.from("10000\r\n"), bytes, Buffer.from("\r\n")]),
    ],
  ] as const) {
    it(`who send a schematic of 100 MB, ${name}`, async () => {
      const client = await raw(server.url);
      const piece = chunk(Buffer.alloc(65_536, "a"));
      client.socket.write(head(`${server.url}/schematics`, "POST", header));
      const answered = (): boolean => client.text().endsWith("\n");
      const started = performance.now();
      for (let sent = 0; sent < 1600 && !answered(); sent++) {
        if (!client.socket.write(piece))
          await Promise.race([once(client.socket, "drain").catch(() => 0), client.closed]);
      }
      await until("the answer", answered);
      const ms = performance.now() - started;
      client.socket.destroy();
      assert.match(client.text(), /^HTTP\/1\.1 400 Bad Request\r\n.*schematic: the body is too large\n$/s);
      assert.ok(ms < PROMPT_MS, `the answer took ${ms} ms`);
      await unharmed();
    });
  }

  it("who open connections and say nothing, more than there may be", async () => {
    const clients = await Promise.all(
      Array.from({ length: DEFAULT_CLIENT_LIMITS.connections + 300 }, () => raw(server.url)),
    );
    await until(
      "the end of those that are too many",
      () => clients.filter(({ socket }) => socket.closed).length >= 300,
    );
    await unharmed();
    assert.ok(clients.filter(({ socket }) => !socket.closed).length <= DEFAULT_CLIENT_LIMITS.connections);
    assert.ok(server.lines.some(({ msg }) => String(msg).startsWith("too many connections")));
    for (const { socket } of clients) socket.destroy();
  });

  it("leave nothing behind", async (t) => {
    await unharmed();
    t.diagnostic(`peak of resident memory: ${Math.round(await server.peakMiB())} MiB`);
    const { wrong, temporary } = await checkDataFolder(join(data.path, "data"));
    assert.deepEqual({ wrong, temporary }, { wrong: [], temporary: 0 });
    assert.deepEqual(
      server.lines.filter(({ level, status }) => Number(level) >= 50 || status === 500),
      [],
    );
  });
});

describe("clients that take too long", () => {
  let layout: LayoutSource;
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: RunningServer;

  const start = (limits: ClientLimits): Promise<RunningServer> =>
    startServer({
      source: { $case: "layout", folder: layout.source },
      publicKeys: [layout.keyFile],
      dataFolder: data.path,
      host: "127.0.0.1",
      port: 0,
      externalUrl: "http://factory.test",
      logLevel: "silent",
      limits,
    });
  before(async () => {
    layout = await tinyLayout();
    data = await temporaryFolder();
    server = await start({ connections: 40, headMs: 400, requestMs: 1500, stalledMs: 700 });
  });
  after(async () => {
    await server.close(0);
    await data[Symbol.asyncDispose]();
    await layout[Symbol.asyncDispose]();
  });

  const kernel = async (): Promise<Digest> => digestOf(await orderUrl(server.url, KERNEL));

  it("to send a head are answered 408, those that say nothing are closed", async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => raw(server.url)));
    for (const [i, { socket }] of clients.entries()) {
      if (i < 8) socket.write("GET /healthz HTTP/1.1\r\nhost: factory.test\r\n");
    }
    const drip = setInterval(() => {
      for (const { socket } of clients.slice(0, 8)) if (socket.writable) socket.write("x: y\r\n");
    }, 50);
    assert.equal(await kernel(), sha256(BOOT_FILES.vmlinuz));
    const started = performance.now();
    await Promise.all(clients.map(({ closed }) => closed));
    clearInterval(drip);
    assert.ok(performance.now() - started < 5000);
    for (const client of clients.slice(0, 8)) assert.match(client.text(), /^HTTP\/1\.1 408 Request Timeout\r\n/);
  });

  it("to send a body are closed", async () => {
    const client = await raw(server.url);
    client.socket.write(head(`${server.url}/schematics`, "POST", "content-length: 1000"));
    const drip = setInterval(() => client.socket.writable && client.socket.write("a"), 100);
    assert.equal(await kernel(), sha256(BOOT_FILES.vmlinuz));
    await client.closed;
    clearInterval(drip);
    assert.match(client.text(), /^HTTP\/1\.1 408 /);
  });

  it("to take any more of a download are left, those that take some are not", async () => {
    const disk = await orderUrl(server.url, DISK);
    const stalled = await raw(server.url, { reading: false });
    const slow = await raw(server.url, { reading: false });
    for (const { socket } of [stalled, slow]) socket.write(head(disk));
    const sip = setInterval(() => slow.socket.read(Math.min(slow.socket.readableLength, 2 * 1024 * 1024)), 10);
    // A socket that is not read learns of its end late: the server's own view counts.
    const connections = (): Promise<number> =>
      new Promise((resolve, reject) =>
        server.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      );
    const both = await connections();
    await delay(2500);
    clearInterval(sip);
    assert.equal(slow.socket.closed, false);
    assert.ok((await connections()) < both);
    stalled.socket.resume();
    await stalled.closed;
    slow.socket.destroy();
    assert.equal(await kernel(), sha256(BOOT_FILES.vmlinuz));
  });

  it("and are all that is connected leave no place for others until one of them ends", async () => {
    const full = await start({ ...DEFAULT_CLIENT_LIMITS, connections: 12 });
    const disk = await orderUrl(full.url, DISK);
    const busy = await Promise.all(Array.from({ length: 12 }, () => raw(full.url, { reading: false })));
    for (const { socket } of busy) socket.write(head(disk));
    await until("a download on each", () =>
      busy.every(({ socket }) => {
        socket.read(0);
        return socket.bytesRead > 0;
      }),
    );
    const late = await raw(full.url);
    late.socket.write(head(`${full.url}/healthz`));
    await late.closed;
    assert.equal(late.text(), "");
    busy[0]!.socket.destroy();
    await delay(200);
    assert.equal((await fetch(`${full.url}/healthz`)).status, 200);
    for (const { socket } of busy) socket.destroy();
    await full.close(0);
  });
});
