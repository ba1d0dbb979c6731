import assert from "node:assert/strict";
import { readdir, rm, truncate, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Digest, digestHex, sha256 } from "../../src/bytes/digest.ts";
import { filesIn, type TestFactory, testFactory } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { serveRegistry } from "../support/registry-server.ts";
import { addTinyRelease, BOOT_FILES, extensionFiles, VERSION } from "../support/release.ts";
import { postSchematic, testServer } from "../support/server.ts";
import { layer } from "../support/tar.ts";

const key = freshKey();
const SCHEMATIC = `customization:
  bootloader: sd-boot
  extraKernelArgs: [console=ttyS0]
  meta: [{ key: 10, value: a value }]
  systemExtensions:
    officialExtensions: [siderolabs/alpha, siderolabs/beta]
`;
const PATHS = [
  "kernel-amd64",
  "cmdline-metal-amd64",
  "initramfs-amd64.xz",
  "metal-amd64-uki.efi",
  "metal-amd64.iso",
  "metal-amd64.raw.zst",
];

async function tinyRegistry(): Promise<TestRegistry> {
  const registry = new TestRegistry();
  await addTinyRelease(registry, key);
  return registry;
}

async function listening(factory: TestFactory): Promise<string> {
  return await factory.app.listen({ host: "127.0.0.1", port: 0 });
}

/** ETag and digest of an answer that must be whole. */
async function fingerprint(url: string): Promise<{ readonly etag: string | null; readonly digest: Digest }> {
  const response = await fetch(url);
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert.equal(response.status, 200, Buffer.from(bytes.subarray(0, 500)).toString());
  assert.equal(Number(response.headers.get("content-length")), bytes.length);
  return { etag: response.headers.get("etag"), digest: sha256(bytes) };
}

async function allFingerprints(url: string, id: string) {
  const found = [];
  for (const path of PATHS) found.push(await fingerprint(`${url}/image/${id}/${VERSION}/${path}`));
  return found;
}

/** Waits until `done`; fails after ten seconds. */
async function until(done: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await done()) return;
    await delay(10);
  }
  assert.fail(`${what} did not happen`);
}

/** A registry that sends half of one blob and the rest only after `release`; counts who asks for it. */
async function gatedRegistry(registry: TestRegistry, digest: Digest) {
  const waiting: ServerResponse[] = [];
  const bytes = registry.blobs.get(digest)!;
  const half = bytes.length >> 1;
  let open = false;
  let asked = 0;
  const served = await serveRegistry(registry, (request, response) => {
    if (!request.url?.endsWith(`/blobs/${digest}`)) return false;
    asked++;
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
    response.write(bytes.subarray(0, half));
    if (open) response.end(bytes.subarray(half));
    else waiting.push(response);
    return true;
  });
  const release = (): void => {
    open = true;
    for (const response of waiting.splice(0)) response.end(bytes.subarray(half));
  };
  return { served, release, asked: () => asked };
}

async function alphaLayer(): Promise<Digest> {
  return sha256(await layer(extensionFiles("alpha")));
}

describe("derivations", () => {
  it("are made once for all who ask at the same time", async () => {
    await using data = await temporaryFolder();
    const gate = await gatedRegistry(await tinyRegistry(), await alphaLayer());
    await using served = gate.served;
    const source = { $case: "registry", base: served.base } as const;
    await using factory = await testFactory({ source, publicKey: pemOf(key), dataFolder: data.path });
    const url = await listening(factory);
    const id = await postSchematic(url, SCHEMATIC);
    const requests = ["initramfs-amd64.xz", "metal-amd64-uki.efi", "metal-amd64.iso", "initramfs-amd64.xz"].map(
      (path) => fingerprint(`${url}/image/${id}/${VERSION}/${path}`),
    );
    await until(() => gate.asked() > 0, "a download of the extension");
    gate.release();
    const [first, , , last] = await Promise.all(requests);
    assert.deepEqual(first, last);
    assert.equal(gate.asked(), 1);
    assert.deepEqual(factory.derived.map(({ kind }) => kind).sort(), ["extension", "extension", "files", "tree"]);
  });

  it("are cancelled when nobody waits any more, and nothing of them stays", async () => {
    await using data = await temporaryFolder();
    const gate = await gatedRegistry(await tinyRegistry(), await alphaLayer());
    await using served = gate.served;
    const source = { $case: "registry", base: served.base } as const;
    await using factory = await testFactory({ source, publicKey: pemOf(key), dataFolder: data.path });
    const url = await listening(factory);
    const id = await postSchematic(url, SCHEMATIC.replace(", siderolabs/beta", ""));
    const path = `${url}/image/${id}/${VERSION}/initramfs-amd64.xz`;
    await fingerprint(`${url}/image/${id}/${VERSION}/kernel-amd64`);
    const before = await filesIn(data.path);

    const leaver = new AbortController();
    const gone = assert.rejects(fetch(path, { signal: leaver.signal }), { name: "AbortError" });
    await until(async () => (await readdir(join(data.path, "tmp"))).length > 0, "the start of the job");
    leaver.abort();
    await gone;
    // The server learns of it through its socket.
    await delay(100);
    gate.release();
    await until(async () => (await readdir(join(data.path, "tmp"))).length === 0, "the end of the job");
    assert.deepEqual(await filesIn(data.path), before);
    assert.deepEqual(
      factory.derived.map(({ kind }) => kind),
      ["files"],
    );
    await fingerprint(path);
    assert.equal(gate.asked(), 2);
  });

  it("go on for the others when one of them leaves", async () => {
    await using data = await temporaryFolder();
    const gate = await gatedRegistry(await tinyRegistry(), await alphaLayer());
    await using served = gate.served;
    const source = { $case: "registry", base: served.base } as const;
    await using factory = await testFactory({ source, publicKey: pemOf(key), dataFolder: data.path });
    const url = await listening(factory);
    const path = `${url}/image/${await postSchematic(url, SCHEMATIC)}/${VERSION}/initramfs-amd64.xz`;
    const leaver = new AbortController();
    const gone = assert.rejects(fetch(path, { signal: leaver.signal }), { name: "AbortError" });
    const stays = fingerprint(path);
    await until(() => gate.asked() > 0, "a download of the extension");
    leaver.abort();
    await gone;
    await delay(100);
    gate.release();
    await stays;
    assert.equal(gate.asked(), 1);
  });

  it("are found again after a restart, damaged ones are made anew", async () => {
    await using source = await temporaryFolder();
    await using data = await temporaryFolder();
    await (await tinyRegistry()).writeLayout(source.path);
    const spec = { $case: "layout", folder: source.path } as const;
    const restarted = async (): Promise<readonly string[]> => {
      await using factory = await testFactory({ source: spec, publicKey: pemOf(key), dataFolder: data.path });
      const url = await listening(factory);
      assert.deepEqual(await allFingerprints(url, id), made);
      return factory.derived.map(({ kind }) => kind).sort();
    };
    let id = "";
    let made: Awaited<ReturnType<typeof allFingerprints>> = [];
    {
      await using server = await testServer(spec, pemOf(key), data.path);
      id = await server.schematic(SCHEMATIC);
      made = await allFingerprints(server.url, id);
    }
    assert.deepEqual(await restarted(), []);

    const records = join(data.path, "derivations");
    const names = (await readdir(records)).sort();
    const damages = ["", "{", "[]", "{}", "null", '{"digest":"sha256:00","record":{"files":{}}}'];
    for (const [i, name] of names.entries()) await writeFile(join(records, name), damages[i % damages.length]!);
    const all = await restarted();
    assert.equal(all.length, names.length);
    assert.deepEqual(await restarted(), []);

    const initramfs = join(data.path, "oci", "blobs", "sha256", digestHex(sha256(BOOT_FILES["initramfs.xz"])));
    await rm(initramfs);
    assert.deepEqual(await restarted(), ["files"]);
    await truncate(initramfs, 100);
    assert.deepEqual(await restarted(), ["files"]);
  });

  it("have the same bytes and tags on servers that share nothing", async () => {
    await using source = await temporaryFolder();
    await (await tinyRegistry()).writeLayout(source.path);
    const spec = { $case: "layout", folder: source.path } as const;
    const results = [];
    for (const threads of [1, 3]) {
      await using data = await temporaryFolder();
      const options = { source: spec, publicKey: pemOf(key), dataFolder: data.path, threads };
      await using factory = await testFactory(options);
      const url = await listening(factory);
      results.push(await allFingerprints(url, await postSchematic(url, SCHEMATIC)));
    }
    {
      await using server = await testServer(spec, pemOf(key));
      results.push(await allFingerprints(server.url, await server.schematic(SCHEMATIC)));
    }
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
    assert.equal(new Set(results[0]!.map(({ etag }) => etag)).size, PATHS.length);
  });
});
