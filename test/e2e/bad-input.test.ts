import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { filesIn } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { FORGERIES, HOSTILE_LAYERS, IMAGER, TRUSTED as key, signed } from "../support/forgeries.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import {
  addCatalogue,
  addExtension,
  addTinyRelease,
  BOOT_FILES,
  bootFiles,
  extensionFiles,
  VERSION,
} from "../support/release.ts";
import { type TestServer, testServer } from "../support/server.ts";
import { layer } from "../support/tar.ts";

const BAD = "bad";

/** The boot files of a release of its own: with equal layers one image's blobs would make up for another's. */
async function ownLayer(version: string): Promise<Uint8Array> {
  return await layer([...bootFiles(), { name: "usr/install/version", body: version }]);
}

interface Case {
  readonly name: string;
  readonly version: string;
  readonly message: RegExp;
  readonly path: string;
  readonly schematic: "plain" | "extended";
}

describe("bad input", () => {
  const cases: Case[] = [];
  let source: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: TestServer;
  const ids: Record<Case["schematic"], string> = { plain: "", extended: "" };

  const get = (path: string): Promise<Response> => fetch(`${server.url}${path}`);
  const post = (body: string | Uint8Array<ArrayBuffer>): Promise<Response> =>
    fetch(`${server.url}/schematics`, { method: "POST", body });
  /** Every release but the good one has exactly one thing wrong. */
  const addImagers = async (registry: TestRegistry): Promise<void> => {
    const add = (name: string, message: RegExp, version: string): void => {
      cases.push({ name: `imager: ${name}`, version, message, path: "kernel-amd64", schematic: "plain" });
    };
    for (const [i, { name, message, add: forge }] of FORGERIES.entries()) {
      const version = `v1.13.${i}`;
      forge(registry, IMAGER, version, await ownLayer(version));
      add(name, message, version);
    }
    for (const [i, { name, message, bytes }] of HOSTILE_LAYERS.entries()) {
      signed(registry, IMAGER, `v1.12.${i}`, await bytes());
      add(name, message, `v1.12.${i}`);
    }
  };
  const addExtensions = async (registry: TestRegistry): Promise<void> => {
    for (const [i, { name, message, add }] of FORGERIES.entries()) {
      const version = `v1.11.${i}`;
      signed(registry, IMAGER, version, await layer(bootFiles()));
      const bytes = await layer(extensionFiles(BAD, `extension of ${version}`));
      const { digest } = add(registry, `siderolabs/${BAD}`, `for-${version}`, bytes);
      await addCatalogue(registry, version, [{ name: BAD, digest }], key);
      cases.push({ name: `extension: ${name}`, version, message, path: "initramfs-amd64.xz", schematic: "extended" });
    }
    const foreign: readonly (readonly [string, RegExp, readonly { name: string; body: string }[]])[] = [
      ["no manifest", /extension image: no manifest\.yaml/, [{ name: "rootfs/a", body: "a" }]],
      ["a stray file", /extension image: unexpected "etc\/passwd"/, [{ name: "etc/passwd", body: "root" }]],
      ["../", /layer: "rootfs\/\.\.\/\.\.\/escaped"/, [{ name: "rootfs/../../escaped", body: "out" }]],
    ];
    for (const [i, [name, message, members]] of foreign.entries()) {
      const version = `v1.10.${i}`;
      signed(registry, IMAGER, version, await layer(bootFiles()));
      const extension = await addExtension(registry, BAD, members, key);
      await addCatalogue(registry, version, [extension], key);
      cases.push({ name: `extension: ${name}`, version, message, path: "initramfs-amd64.xz", schematic: "extended" });
    }
  };
  const addCatalogues = async (registry: TestRegistry): Promise<void> => {
    for (const [i, by] of [undefined, freshKey()].entries()) {
      const version = `v1.9.${i}`;
      signed(registry, IMAGER, version, await layer(bootFiles()));
      await addCatalogue(registry, version, [await addExtension(registry, "alpha", extensionFiles("alpha"), key)], by);
      const message = /siderolabs\/extensions@sha256:\S+ (no signatures found|the signature is not by a trusted key)/;
      cases.push({ name: `catalogue: ${i}`, version, message, path: "initramfs-amd64.xz", schematic: "extended" });
    }
    signed(registry, IMAGER, "v1.9.2", await layer(bootFiles()));
    const missing = /siderolabs\/extensions:v1\.9\.2: not found/;
    cases.push({
      name: "catalogue: none",
      version: "v1.9.2",
      message: missing,
      path: "metal-amd64.iso",
      schematic: "extended",
    });
  };

  before(async () => {
    source = await temporaryFolder();
    const registry = new TestRegistry();
    await addTinyRelease(registry, key);
    await addImagers(registry);
    await addExtensions(registry);
    await addCatalogues(registry);
    await registry.writeLayout(source.path);
    server = await testServer({ $case: "layout", folder: source.path }, pemOf(key));
    ids.plain = await server.schematic("{}");
    ids.extended = await server.schematic(
      `customization:\n  bootloader: sd-boot\n  systemExtensions:\n    officialExtensions: [siderolabs/${BAD}]\n`,
    );
    // The boot files are the same in every release with a bad extension: kept once, they are not the news in any case.
    for (const version of [VERSION, "v1.11.0"])
      assert.equal((await get(`/image/${ids.plain}/${version}/kernel-amd64`)).status, 200);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await source[Symbol.asyncDispose]();
  });

  /** Runs one bad request: status and message as said, no path of ours in it, nothing stored, the next request served. */
  const refused = async (request: () => Promise<Response>, status: number, message: RegExp): Promise<void> => {
    const stored = await filesIn(server.data);
    const response = await request();
    const text = await response.text();
    assert.equal(response.status, status, text);
    assert.match(text, message);
    assert.ok(text.endsWith("\n") && text.length < 2000);
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    for (const name of ["etag", "content-disposition", "accept-ranges"]) assert.equal(response.headers.get(name), null);
    for (const folder of [source.path, server.data, process.cwd(), "file:", "node_modules"]) {
      assert.ok(!text.includes(folder), `the message names ${folder}`);
    }
    assert.deepEqual(await filesIn(server.data), stored);
    const good = await get(`/image/${ids.plain}/${VERSION}/kernel-amd64`);
    assert.equal(good.status, 200);
    assert.deepEqual(new Uint8Array(await good.arrayBuffer()), BOOT_FILES.vmlinuz);
  };

  it("refuses images that are not what was signed", async (t) => {
    for (const { name, version, message, path, schematic } of cases) {
      await t.test(name, () => refused(() => get(`/image/${ids[schematic]}/${version}/${path}`), 500, message));
    }
  });

  it("refuses them again: no failure and no half of an image is kept", async () => {
    for (const { version, message, path, schematic } of cases.slice(0, 4)) {
      await refused(() => get(`/image/${ids[schematic]}/${version}/${path}`), 500, message);
    }
  });

  const SCHEMATICS: readonly (readonly [string, string | Uint8Array<ArrayBuffer>, RegExp])[] = [
    ["an empty body", "", /^EOF\n$/],
    ["only a comment", "# nothing\n", /^EOF\n$/],
    ["broken syntax", "customization: [", /^yaml: /],
    ["a tab as indentation", "customization:\n\tmeta: []\n", /^yaml: /],
    ["bytes that are no text", Uint8Array.from([0xff, 0xfe, 0x00, 0xd8]), /^yaml: /],
    ["an unknown anchor", "customization: *nobody\n", /^yaml: .*anchor/],
    [
      "an unknown field",
      "customisation: {}\n",
      /^yaml: .*line 1: field customisation not found in type schematic\.Schematic/,
    ],
    [
      "a nested unknown field",
      "customization:\n  kernelArgs: []\n",
      /field kernelArgs not found in type schematic\.Customization/,
    ],
    [
      "a duplicate key",
      "customization: {}\ncustomization: {}\n",
      /mapping key "customization" already defined at line 1/,
    ],
    ["a wrong type", "customization:\n  extraKernelArgs: foo\n", /cannot construct !!str `foo` into \[\]string/],
    ["a META key out of range", "customization:\n  meta:\n    - key: 256\n      value: a\n", /into uint8/],
    ["an unknown boot loader", "customization:\n  bootloader: auto\n", /auto does not belong to BootloaderKind values/],
    ["an owner", "owner: bob\n", /^owner: /],
    ["too many bytes", `# ${"a".repeat(5 * 1024 * 1024)}\n`, /^schematic: the body is too large\n$/],
    [
      "a bomb of aliases",
      `a: &a [${"b,".repeat(50)}]\n${Array.from({ length: 12 }, (_, i) => `k${i}: &k${i} [${"*a,".repeat(50)}]`).join("\n")}\n`,
      /^yaml: /,
    ],
    ["deep nesting", "[".repeat(20_000), /^yaml: /],
  ];
  it("refuses schematics", async (t) => {
    for (const [name, body, message] of SCHEMATICS) {
      await t.test(name, () => refused(() => post(body), 400, message));
    }
  });

  it("refuses what nobody offers", async (t) => {
    const unknown = "0".repeat(64);
    const rows: readonly (readonly [string, () => string, number, RegExp])[] = [
      ["schematic", () => `/image/${unknown}/${VERSION}/metal-amd64.iso`, 404, /^schematic ID "0{64}" not found\n$/],
      ["malformed schematic id", () => `/image/..%2f..%2fetc/${VERSION}/kernel-amd64`, 404, /not found\n$/],
      ["schematic text", () => `/schematics/${unknown}`, 404, /^schematic not found\n$/],
      ["version", () => `/image/${ids.plain}/v1.99.0/kernel-amd64`, 404, /version 1\.99\.0 is not available\n$/],
      [
        "malformed version",
        () => `/image/${ids.plain}/latest/kernel-amd64`,
        400,
        /^version: "latest" is not a semantic version\n$/,
      ],
      ["short version", () => `/image/${ids.plain}/v1.14/kernel-amd64`, 400, /"v1\.14" is not a semantic version/],
      ["version of a list", () => "/version/v1.99.0/extensions/official", 404, /version 1\.99\.0 is not available/],
      ["malformed version of a list", () => "/version/foo/overlays/official", 400, /"foo" is not a semantic version/],
      [
        "extension",
        () => `/image/${ids.extended}/${VERSION}/metal-amd64.iso`,
        400,
        /^error enhancing profile from schematic: official extension "siderolabs\/bad" is not available for Talos version v1\.14\.0\n$/,
      ],
      [
        "path",
        () => `/image/${ids.plain}/${VERSION}/metal-amd64.floppy`,
        400,
        /^error parsing profile from path: invalid profile path: "metal-amd64\.floppy"\n$/,
      ],
      ["path with a slash", () => `/image/${ids.plain}/${VERSION}/..%2fkernel-amd64`, 400, /invalid profile path/],
      [
        "architecture",
        () => `/image/${ids.plain}/${VERSION}/metal-riscv64.iso`,
        400,
        /invalid architecture: "riscv64"/,
      ],
      [
        "architecture without files",
        () => `/image/${ids.plain}/${VERSION}/kernel-arm64`,
        404,
        /has no vmlinuz for arm64/,
      ],
      ["platform", () => `/image/${ids.plain}/${VERSION}/foo-amd64.iso`, 400, /unknown platform: "foo"/],
      ["pxe path", () => `/pxe/${ids.plain}/${VERSION}/metal`, 400, /invalid platform-arch: "metal"/],
    ];
    // That there are no files for an architecture is a result like any other, found once.
    await (await get(`/image/${ids.plain}/${VERSION}/kernel-arm64`)).text();
    for (const [name, path, status, message] of rows) {
      await t.test(name, () => refused(() => get(path()), status, message));
    }
  });
});
