import assert from "node:assert/strict";
import { Agent, type ClientRequest, get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { type Digest, Sha256Stream, sha256 } from "../../src/bytes/digest.ts";
import { StoreError } from "../../src/store/errors.ts";
import { filesIn, testFactory } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addTinyRelease, BOOT_FILES, VERSION } from "../support/release.ts";
import { postSchematic, type TestServer, testServer } from "../support/server.ts";

const key = freshKey();
const SCHEMATIC = "customization:\n  bootloader: sd-boot\n";
/** More than all socket buffers on the way hold. */
const LONG = 96 * 1024 * 1024;

interface Download {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
}

/** Starts a download and leaves it at its first bytes. */
function begin(url: string, agent?: Agent): Promise<Download> {
  return new Promise((resolve, reject) => {
    const headers = { range: `bytes=0-${LONG - 1}` };
    const request = get(url, { headers, ...(agent ? { agent } : {}) }, (response) => resolve({ request, response }));
    request.once("error", reject);
  });
}

async function rest({ response }: Download): Promise<string> {
  const hash = new Sha256Stream();
  let size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return `${size} ${hash.digest()}`;
}

describe("connections", () => {
  let layout: Awaited<ReturnType<typeof temporaryFolder>>;
  const source = () => ({ $case: "layout", folder: layout.path }) as const;
  const rawOf = async (server: TestServer): Promise<string> =>
    `${server.url}/image/${await server.schematic(SCHEMATIC)}/${VERSION}/metal-amd64.raw`;

  before(async () => {
    layout = await temporaryFolder();
    const registry = new TestRegistry();
    await addTinyRelease(registry, key);
    await registry.writeLayout(layout.path);
  });
  after(() => layout[Symbol.asyncDispose]());

  it("that break do not touch others", async () => {
    await using server = await testServer(source(), pemOf(key));
    const url = await rawOf(server);
    const expected = await rest(await begin(url));
    const downloads = await Promise.all([begin(url), begin(url), begin(url)]);
    downloads[0]!.request.destroy();
    downloads[1]!.response.destroy();
    assert.equal(await rest(downloads[2]!), expected);
    assert.match(expected, new RegExp(`^${LONG} sha256:`));
  });

  it("with a running download are served to the end by a stopping server, new ones are refused", async () => {
    await using server = await testServer(source(), pemOf(key));
    const url = await rawOf(server);
    const expected = await rest(await begin(url));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const download = await begin(url, agent);
    const late = get(`${server.url}/healthz`, { agent });
    const outcome = new Promise<number>((resolve) => {
      late.once("response", (response) => resolve(response.statusCode ?? 0));
      late.once("error", () => resolve(0));
    });
    const started = performance.now();
    const closed = server.running.close(60_000);
    await delay(50);
    await assert.rejects(fetch(`${server.url}/healthz`));
    assert.equal(await rest(download), expected);
    // Behind the download on the same connection: refused, by an answer or by the end of the connection.
    assert.ok([0, 503].includes(await outcome));
    await closed;
    assert.ok(performance.now() - started < 20_000, "the kept connection held up the end");
    agent.destroy();
  });

  it("get 503 for a request behind the last download", async () => {
    await using server = await testServer(source(), pemOf(key));
    const { hostname, port } = new URL(server.url);
    const path = new URL(await rawOf(server)).pathname;
    const socket = connect(Number(port), hostname);
    const line = (target: string, more = ""): string => `GET ${target} HTTP/1.1\r\nhost: x\r\n${more}\r\n`;
    socket.write(line(path, `range: bytes=0-${LONG - 1}\r\n`));
    await new Promise((resolve) => socket.once("readable", resolve));
    const closed = server.running.close(60_000);
    await delay(50);
    socket.write(line("/healthz"));
    let tail = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) tail = Buffer.concat([tail, chunk]).subarray(-2000);
    await closed;
    assert.match(tail.toString("latin1"), /HTTP\/1\.1 503 .*connection: close.*service temporarily unavailable\n$/is);
  });

  it("that nobody reads are cut when the time to stop is over", async () => {
    await using server = await testServer(source(), pemOf(key));
    const download = await begin(await rawOf(server));
    const started = performance.now();
    await server.running.close(300);
    assert.ok(performance.now() - started < 5000);
    await assert.rejects(rest(download));
  });

  it("are logged with one line each, also those that break", async () => {
    await using data = await temporaryFolder();
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: "info" }, { write: (text: string) => lines.push(JSON.parse(text)) });
    let lost = false;
    const onRead = (digest: Digest): void => {
      if (!lost || digest !== sha256(BOOT_FILES["initramfs.xz"])) return;
      throw new StoreError("store_damaged", "the disk has lost it");
    };
    const options = { source: source(), publicKey: pemOf(key), dataFolder: data.path, logger, onRead };
    await using factory = await testFactory(options);
    const url = await factory.app.listen({ host: "127.0.0.1", port: 0 });
    const id = await postSchematic(url, SCHEMATIC);
    const raw = `${url}/image/${id}/${VERSION}/metal-amd64.raw`;
    await rest(await begin(raw));
    (await begin(raw)).request.destroy();
    const unknown = await fetch(`${url}/image/${id}/v0.0.1/kernel-amd64?token=secret`);
    assert.equal(unknown.status, 404);
    await fetch(`${url}/image/%zz`);

    // Once in the middle of an answer, once before its first byte.
    lost = true;
    await assert.rejects(async () => (await fetch(raw)).arrayBuffer());
    const early = await fetch(`${url}/image/${id}/${VERSION}/initramfs-amd64.xz`, { headers: { range: "bytes=5-9" } });
    assert.equal(early.status, 500);
    assert.equal(await early.text(), "internal server error\n");
    for (const name of ["etag", "content-range", "content-disposition", "accept-ranges"]) {
      assert.equal(early.headers.get(name), null, name);
    }
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    await delay(100);

    const requests = lines.filter(({ msg }) => msg === "request");
    assert.deepEqual(requests.map(({ method, status }) => `${method} ${status}`).sort(), [
      "GET 200",
      "GET 206",
      "GET 400",
      "GET 404",
      "GET 499",
      "GET 500",
      "GET 500",
      "POST 201",
    ]);
    for (const request of requests) {
      assert.equal(typeof request.request_id, "string");
      assert.equal(typeof request.duration, "number");
      assert.ok(!JSON.stringify(request).includes("secret"));
    }
    const others = lines.filter(({ msg, level }) => msg !== "request" && (level as number) > 30);
    assert.deepEqual(others, []);
    assert.ok((await filesIn(join(data.path, "tmp"))).length === 0);
  });
});
