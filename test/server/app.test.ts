import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { LightMyRequestResponse } from "fastify";
import { EXTERNAL_URL, type TestFactory, testFactory } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addTinyRelease, BOOT_FILES, bootFiles, VERSION } from "../support/release.ts";
import { layer } from "../support/tar.ts";

const EMPTY = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";
const KERNEL = `/image/${EMPTY}/${VERSION}/kernel-amd64`;
const TEXT = "text/plain; charset=utf-8";

describe("the application", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let source: Awaited<ReturnType<typeof temporaryFolder>>;
  let factory: TestFactory;

  const get = (url: string, headers: Record<string, string> = {}) => factory.app.inject({ url, headers });
  const post = (payload: string, headers: Record<string, string> = {}) =>
    factory.app.inject({ method: "POST", url: "/schematics", payload, headers });
  const idOf = async (yaml: string): Promise<string> => (await post(yaml)).json().id;

  before(async () => {
    data = await temporaryFolder();
    source = await temporaryFolder();
    const key = freshKey();
    const registry = new TestRegistry();
    await addTinyRelease(registry, key);
    for (const version of ["v1.6.1", "v1.9.0", "v1.10.2"]) {
      registry.release("siderolabs/imager", version, [{ bytes: await layer(bootFiles()) }], key);
    }
    registry.name("siderolabs/imager:latest", registry.names.get(`siderolabs/imager:${VERSION}`)!);
    await registry.writeLayout(source.path);
    const layout = { $case: "layout", folder: source.path } as const;
    factory = await testFactory({ source: layout, publicKey: pemOf(key), dataFolder: data.path });
    await post("{}");
  });
  after(async () => {
    await factory[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
    await source[Symbol.asyncDispose]();
  });

  const assertError = (response: LightMyRequestResponse, status: number, body: string | RegExp): void => {
    assert.equal(response.statusCode, status, response.body);
    if (typeof body === "string") assert.equal(response.body, `${body}\n`);
    else assert.match(response.body, body);
    assert.equal(response.headers["content-type"], TEXT);
    assert.equal(response.headers["x-content-type-options"], "nosniff");
    assert.equal(response.headers["content-length"], String(Buffer.byteLength(response.rawPayload)));
  };

  it("says on every route who answers, and to which request (factory.md 1.1)", async () => {
    for (const url of ["/healthz", "/versions", "/schematics/x", KERNEL, `/pxe/${EMPTY}/${VERSION}/metal`]) {
      const { headers } = await get(url, { "x-request-id": "mine-1" });
      assert.match(String(headers.server), /^Image Foundry /);
      assert.equal(headers["x-request-id"], "mine-1");
      assert.equal(headers.vary, "Origin");
    }
    const ids = [await get("/healthz"), await get("/healthz", { "x-request-id": "a b" })].map(
      ({ headers }) => headers["x-request-id"],
    );
    for (const id of ids) assert.match(String(id), /^[0-9a-f-]{36}$/);
    assert.notEqual(ids[0], ids[1]);
  });

  it("is healthy", async () => {
    for (const url of ["/healthz", "/readyz"]) {
      for (const method of ["GET", "HEAD"] as const) {
        const { statusCode, body } = await factory.app.inject({ method, url });
        assert.deepEqual([statusCode, body], [200, ""]);
      }
    }
  });

  it("answers what is no route as a router does (factory.md 1.3)", async () => {
    for (const url of [
      "/nope",
      "/image",
      `/image/${EMPTY}`,
      "/versions/",
      "//versions",
      `/schematics/${"a".repeat(600)}`,
    ]) {
      const response = await get(url);
      assertError(response, 404, "404 page not found");
      assert.equal(response.headers.server, undefined);
      assert.equal(response.headers["x-request-id"], undefined);
    }
    assertError(await get("/schematics/%zz"), 400, "malformed URL");
  });

  it("names the methods of a path", async () => {
    const vectors: readonly (readonly [string, string])[] = [
      ["/healthz", "GET, HEAD, OPTIONS"],
      ["/versions", "GET, OPTIONS"],
      ["/schematics", "OPTIONS, POST"],
      [`/schematics/${EMPTY}`, "GET, OPTIONS"],
      ["/version/v1.14.0/extensions/official", "GET, OPTIONS"],
      ["/version/v1.14.0/overlays/official", "GET, OPTIONS"],
      [KERNEL, "GET, HEAD, OPTIONS"],
      [`/pxe/${EMPTY}/${VERSION}/metal-amd64`, "GET, OPTIONS"],
    ];
    for (const [url, allow] of vectors) {
      const options = await factory.app.inject({ method: "OPTIONS", url });
      assert.deepEqual([options.statusCode, options.body, options.headers.allow], [200, "", allow]);
      for (const method of ["DELETE", "PUT", "PATCH"] as const) {
        const response = await factory.app.inject({ method, url, payload: "x", headers: { "content-type": ";" } });
        assertError(response, 405, "Method Not Allowed");
        assert.equal(response.headers.allow, allow);
        assert.equal(response.headers.server, undefined);
      }
      if (allow.includes("HEAD")) continue;
      const { statusCode, headers, body } = await factory.app.inject({ method: "HEAD", url });
      assert.deepEqual([statusCode, headers.allow, body], [405, allow, ""]);
    }
  });

  it("keeps schematics under the ids clients know (factory.md 2.1)", async () => {
    const vectors: readonly (readonly [string, string, string])[] = [
      ["{}", "customization: {}\n", EMPTY],
      ["customization:\n", "customization: {}\n", EMPTY],
      [
        "customization: {extraKernelArgs: [noapic, nolapic]}",
        "customization:\n    extraKernelArgs:\n        - noapic\n        - nolapic\n",
        "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c",
      ],
      [
        '{"customization":{"extraKernelArgs":["<a>&b"]}}',
        "customization:\n    extraKernelArgs:\n        - <a>&b\n",
        "2b255912cad171f38d652cb65157961db93a5043dd5cc59b5bee69a0891f6693",
      ],
      [
        "customization: {meta: [{key: 0xa, value: foo}]}",
        "customization:\n    meta:\n        - key: 10\n          value: foo\n",
        "d308a2a5ee2277bed5fbaa104fcbc8d59122abfa737df987a95b4ca763459a7f",
      ],
      [
        "customization: {secureboot: {includeWellKnownCertificates: true}}",
        "customization:\n    secureboot:\n        includeWellKnownCertificates: true\n",
        "fa8e05f142a851d3ee568eb0a8e5841eaf6b0ebc8df9a63df16ac5ed2c04f3e6",
      ],
      [
        "customization: {diskImage: {sectorSize: 4096}}",
        "customization:\n    diskImage:\n        sectorSize: 4096\n",
        "92833e9ddd9bb9e11b2464fa5525429f01866306d52ebd882ee08d7918f6d1ea",
      ],
      [
        "customization: {bootloader: SD-Boot}",
        "customization:\n    bootloader: sd-boot\n",
        "9ed5fecdacb36b5c5427b87d409f1065cfb2df69b0f71c58b868d9d466d8dab3",
      ],
      [
        "overlay: {name: rpi_generic, image: siderolabs/sbc-raspberrypi}",
        "overlay:\n    image: siderolabs/sbc-raspberrypi\n    name: rpi_generic\ncustomization: {}\n",
        "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9",
      ],
    ];
    for (const [input, schematic, id] of vectors) {
      for (const type of ["application/yaml", "application/json", "nonsense", undefined]) {
        const created = await post(input, type === undefined ? {} : { "content-type": type });
        assert.equal(created.statusCode, 201);
        assert.equal(created.headers["content-type"], "application/json");
        assert.deepEqual(created.json(), { id, schematic });
        assert.ok(created.body.endsWith("}\n") && !/[<>&]/.test(created.body));
      }
      const read = await get(`/schematics/${id}`);
      assert.deepEqual(
        [read.statusCode, read.headers["content-type"], read.body],
        [200, "application/yaml", schematic],
      );
    }
    for (const id of ["0".repeat(64), EMPTY.toUpperCase(), "x", "%2e%2e%2fkeys"]) {
      assertError(await get(`/schematics/${id}`), 404, "schematic not found");
    }
  });

  it("lists versions, extensions and overlays (factory.md 1.9)", async () => {
    const versions = await get("/versions");
    assert.deepEqual(
      [versions.headers["content-type"], versions.body],
      [TEXT, '["v1.6.1","v1.9.0","v1.10.2","v1.14.0"]\n'],
    );
    assert.equal((await get("/versions?broken=true")).body, "[]\n");
    for (const version of ["v1.14.0", "1.14.0"]) {
      const response = await get(`/version/${version}/extensions/official`);
      assert.equal(response.headers["content-type"], TEXT);
      const [alpha, beta] = response.json();
      assert.deepEqual(Object.keys(alpha), ["name", "ref", "digest", "author", "description"]);
      assert.match(alpha.digest, /^sha256:[0-9a-f]{64}$/);
      const { name, ref, author, description } = beta;
      assert.deepEqual(
        { name, ref, author, description },
        {
          name: "siderolabs/beta",
          ref: "registry.test/siderolabs/beta:1.0.0",
          author: "test",
          description: "<one> of the tests",
        },
      );
      const [overlay] = (await get(`/version/${version}/overlays/official`)).json();
      assert.deepEqual(
        { ...overlay, digest: "" },
        {
          name: "board",
          image: "siderolabs/sbc-board",
          ref: "ghcr.io/siderolabs/sbc-board:v1",
          digest: "",
        },
      );
    }
    assert.equal((await get("/version/v1.6.1/overlays/official")).body, "[]\n");
    for (const list of ["extensions", "overlays"]) {
      assertError(await get(`/version/v1.13.0/${list}/official`), 404, "version 1.13.0 is not available");
      assertError(await get(`/version/foo/${list}/official`), 400, /"foo" is not a semantic version/);
      assertError(await get(`/version/v1.9.0/${list}/official`), 500, /:v1\.9\.0: not found/);
    }
  });

  it("sends an asset with its size, type, name and tag (factory.md 1.7)", async () => {
    const whole = await get(KERNEL);
    assert.equal(whole.statusCode, 200);
    assert.deepEqual(new Uint8Array(whole.rawPayload), BOOT_FILES.vmlinuz);
    assert.equal(whole.headers["content-length"], String(BOOT_FILES.vmlinuz.length));
    assert.equal(whole.headers["content-type"], "application/octet-stream");
    assert.equal(whole.headers["content-disposition"], 'attachment; filename="kernel-amd64"');
    assert.equal(whole.headers["accept-ranges"], "bytes");
    assert.match(String(whole.headers.etag), /^"[0-9a-f]{64}"$/);

    const { date: _a, "x-request-id": _b, ...expected } = whole.headers;
    const head = await factory.app.inject({ method: "HEAD", url: KERNEL });
    const { date: _c, "x-request-id": _d, ...headers } = head.headers;
    assert.deepEqual([head.statusCode, head.body, headers], [200, "", expected]);

    const types: readonly (readonly [string, string])[] = [
      ["initramfs-amd64.xz", "application/x-xz"],
      ["metal-amd64-uki.efi", "application/efi"],
      ["cmdline-metal-amd64", "application/octet-stream"],
    ];
    for (const [path, type] of types) {
      const { headers } = await get(`/image/${EMPTY}/1.14.0/${path}`);
      assert.deepEqual(
        [headers["content-type"], headers["content-disposition"]],
        [type, `attachment; filename="${path}"`],
      );
    }
    const alias = await get(KERNEL.replace("amd64", "x86_64"));
    assert.equal(alias.headers.etag, whole.headers.etag);
  });

  it("lets the client name the file, within quotes", async () => {
    const vectors: readonly (readonly [string, string])[] = [
      ["my.bin", "my.bin"],
      ["", "kernel-amd64"],
      ['a"%0d%0aset-cookie: x=y', "a___set-cookie: x=y"],
      ["%C3%A9", "_"],
    ];
    for (const [query, name] of vectors) {
      const { headers } = await get(`${KERNEL}?filename=${query}`);
      assert.equal(headers["content-disposition"], `attachment; filename="${name}"`);
      assert.equal(headers["content-type"], "application/octet-stream");
      assert.equal(headers["set-cookie"], undefined);
    }
    const twice = await get(`${KERNEL}?filename=a&filename=b`);
    assert.equal(twice.headers["content-disposition"], 'attachment; filename="kernel-amd64"');
  });

  it("sends the part that is asked for (RFC 9110 14)", async () => {
    const bytes = Buffer.from(BOOT_FILES.vmlinuz);
    const { length } = bytes;
    const vectors: readonly (readonly [string, number, number])[] = [
      ["bytes=0-0", 0, 1],
      ["bytes=5-26", 5, 27],
      ["bytes=100000-", 100_000, length],
      ["bytes=-7", length - 7, length],
      [`bytes=10-${length * 2}`, 10, length],
    ];
    for (const [range, start, end] of vectors) {
      const part = await get(KERNEL, { range });
      assert.equal(part.statusCode, 206);
      assert.deepEqual(part.rawPayload, bytes.subarray(start, end));
      assert.equal(part.headers["content-range"], `bytes ${start}-${end - 1}/${length}`);
      assert.equal(part.headers["content-length"], String(end - start));
    }
    for (const range of ["bytes=0-1,5-6", "bytes=9-2", "lines=1-2"]) {
      const whole = await get(KERNEL, { range });
      assert.deepEqual([whole.statusCode, whole.rawPayload.length], [200, length]);
      assert.equal(whole.headers["content-range"], undefined);
    }
    const none = await get(KERNEL, { range: `bytes=${length}-` });
    assertError(none, 416, `range: the asset has ${length} bytes`);
    assert.equal(none.headers["content-range"], `bytes */${length}`);
    assert.equal(none.headers["content-disposition"], undefined);
    const head = await factory.app.inject({ method: "HEAD", url: KERNEL, headers: { range: "bytes=0-1" } });
    assert.deepEqual([head.statusCode, head.headers["content-length"]], [200, String(length)]);
  });

  it("heeds conditions (RFC 9110 13)", async () => {
    const { etag = "", "content-length": length } = (await get(KERNEL)).headers as Record<string, string>;
    for (const value of [etag, "*", `"x", ${etag}`, `W/${etag}`]) {
      const response = await get(KERNEL, { "if-none-match": value, range: "bytes=0-1" });
      assert.deepEqual([response.statusCode, response.body, response.headers.etag], [304, "", etag]);
      assert.equal(response.headers["content-length"], undefined);
    }
    const rows: readonly (readonly [Record<string, string>, number])[] = [
      [{ "if-none-match": '"x"' }, 200],
      [{ "if-match": etag }, 200],
      [{ "if-match": "*" }, 200],
      [{ "if-match": '"x"' }, 412],
      [{ "if-match": `W/${etag}` }, 412],
      [{ "if-match": '"x"', "if-none-match": etag }, 412],
      [{ "if-range": etag, range: "bytes=0-1" }, 206],
      [{ "if-range": '"x"', range: "bytes=0-1" }, 200],
      [{ "if-range": `W/${etag}`, range: "bytes=0-1" }, 200],
      [{ "if-range": "Wed, 21 Oct 2026 07:28:00 GMT", range: "bytes=0-1" }, 200],
      [{ "if-range": '"x"', range: "bytes=99999999-" }, 200],
      [{ "if-range": etag, range: "bytes=99999999-" }, 416],
    ];
    for (const [headers, status] of rows) {
      const response = await get(KERNEL, headers);
      assert.equal(response.statusCode, status, JSON.stringify(headers));
      if (status === 200) assert.equal(response.headers["content-length"], length);
      if (status === 412) assertError(response, 412, "the asset is not the one in If-Match");
    }
  });

  it("writes iPXE scripts (factory.md 1.8)", async () => {
    const id = await idOf("customization:\n  extraKernelArgs: [console=ttyS0, quiet]\n");
    for (const path of ["metal-amd64", "metal-x86_64", "metal-i386"]) {
      const response = await get(`/pxe/${id}/1.14.0/${path}`);
      assert.deepEqual([response.statusCode, response.headers["content-type"]], [200, TEXT]);
      assert.equal(response.headers["content-disposition"], undefined);
      const lines = response.body.split("\n");
      const base = `${EXTERNAL_URL}/image/${id}/v1.14.0`;
      assert.ok(lines[3]!.startsWith(`kernel ${base}/kernel-amd64 talos.platform=metal console=ttyS0 `), lines[3]);
      assert.ok(lines[3]!.endsWith(" quiet"));
      lines[3] = "";
      assert.deepEqual(lines, ["#!ipxe", "", "imgfree", "", `initrd ${base}/initramfs-amd64.xz`, "boot", ""]);
    }
    assertError(await get(`/pxe/${id}/${VERSION}/metal-amd64-secureboot`), 400, /secure boot is disabled$/m);
    assertError(
      await get(`/pxe/${id}/${VERSION}/metal`),
      400,
      'error parsing profile from path: invalid platform-arch: "metal"',
    );
    assertError(await get(`/pxe/bad/${VERSION}/metal-amd64`), 404, 'schematic ID "bad" not found');
    assertError(await get(`/pxe/${id}/v1.99.0/metal-amd64`), 404, /version 1\.99\.0 is not available$/m);
  });

  it("says what is not built, and what is", async () => {
    const sdBoot = await idOf("customization: {bootloader: sd-boot}");
    const built =
      "; kernel, cmdline, initramfs, uki.efi, iso, raw, qcow2, vhd and ova are, disks also as .zst, .xz, .gz and .tar.gz";
    const noGrub = " needs GRUB's module files, and no folder with them is configured";
    const rows: readonly (readonly [string, string, string])[] = [
      [sdBoot, "installer-amd64.tar", `an installer image is not built yet${built}`],
      [EMPTY, "metal-amd64.iso", `an ISO with GRUB${noGrub}`],
      [EMPTY, "metal-amd64.raw", `a disk image with GRUB${noGrub}`],
    ];
    for (const [id, path, message] of rows) {
      const response = await get(`/image/${id}/${VERSION}/${path}`);
      assert.equal(response.statusCode, 501);
      assert.ok(response.body.trim().endsWith(message), response.body);
    }
  });

  it("refuses what a schematic or a version cannot have", async () => {
    const odd = await idOf("customization: {bootloader: sd-boot, diskImage: {sectorSize: 1000}}");
    const tagZero = await idOf("customization: {bootloader: sd-boot, meta: [{key: 0, value: a}]}");
    const config = await idOf("customization: {embeddedMachineConfiguration: 'a: b'}");
    const overlay = await idOf("overlay: {name: board, image: siderolabs/sbc-board}");
    const rows: readonly (readonly [string, number, RegExp])[] = [
      [`${odd}/${VERSION}/metal-amd64.raw`, 400, /^diskImage\.sectorSize: 1000 is neither 512 nor 4096$/m],
      [`${tagZero}/${VERSION}/metal-amd64.raw`, 400, /tag/],
      [
        `${config}/v1.10.2/initramfs-amd64.xz`,
        400,
        /embedding configuration is not supported for Talos version v1\.10\.2$/m,
      ],
      [`${overlay}/v1.6.1/kernel-amd64`, 400, /overlay is not supported for Talos version v1\.6\.1$/m],
      [`${EMPTY}/${VERSION}/foo-amd64.iso`, 400, /^unknown platform: "foo"$/m],
      [
        `${EMPTY}/${VERSION}/azure-amd64.qcow2`,
        400,
        /^imageOptions\.diskFormatOptions: "subformat" is not one of cluster_size$/m,
      ],
    ];
    for (const [path, status, message] of rows) assertError(await get(`/image/${path}`), status, message);
    assertError(await post("owner: bob"), 400, /^owner: /);
  });
});
