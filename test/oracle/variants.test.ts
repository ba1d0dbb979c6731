import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { buildFixture, OLD_VERSION, VERSION } from "../../fixtures/release.ts";
import { MiB } from "../../src/bytes/align.ts";
import { parsePe } from "../../src/formats/pe/index.ts";
import { frameLength } from "../../src/formats/zstd/index.ts";
import { type TestServer, testServer } from "../support/server.ts";

const SCHEMATIC = `customization:
  bootloader: sd-boot
  extraKernelArgs: [variant.test=1]
  systemExtensions:
    officialExtensions: [siderolabs/hello-world, siderolabs/intel-ucode]
`;
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** What differs between the architectures and between the old version and the new one. */
const VARIANTS = [
  {
    version: VERSION,
    arch: "arm64",
    machine: 0xaa64,
    consoles: "console=ttyAMA0 console=tty0",
    firmware: "usr/lib/firmware",
    uname: false,
    profiles: ["ID=main"],
    argumentsInUki: true,
    disk: 2246 * MiB,
  },
  {
    version: OLD_VERSION,
    arch: "arm64",
    machine: 0xaa64,
    consoles: "console=ttyAMA0 console=tty0 init_on_alloc=1",
    firmware: "lib/firmware",
    uname: false,
    profiles: [],
    argumentsInUki: false,
    disk: 1246 * MiB,
  },
  {
    version: OLD_VERSION,
    arch: "amd64",
    machine: 0x8664,
    consoles: "console=tty0 init_on_alloc=1",
    firmware: "lib/firmware",
    uname: true,
    profiles: [],
    argumentsInUki: false,
    disk: 1246 * MiB,
  },
] as const;

/** The contents of a UEFI program's sections, without their padding. */
function sections(bytes: Buffer): readonly (readonly [string, Buffer])[] {
  return parsePe(bytes, bytes.length).sections.map(({ name, pointerToRawData, virtualSize }) => [
    name,
    bytes.subarray(pointerToRawData, pointerToRawData + virtualSize),
  ]);
}

/** Names in the archives behind the base of an initramfs: those of every frame but the first. */
function appended(bytes: Buffer): readonly string[] {
  const names: string[] = [];
  const base = bytes.indexOf(ZSTD_MAGIC);
  for (let at = base + frameLength(bytes, base); at < bytes.length; at += frameLength(bytes, at)) {
    const frame = bytes.subarray(at, at + frameLength(bytes, at));
    const archive = execFileSync("zstd", ["-dc"], { input: frame, maxBuffer: 1 << 28 });
    names.push(...execFileSync("cpio", ["-it", "--quiet"], { input: archive, encoding: "utf8" }).trim().split("\n"));
  }
  return names;
}

describe("outputs for the other architecture and the older version", () => {
  let server: TestServer;
  let id: string;

  before(async () => {
    const { layout, publicKey } = await buildFixture(() => undefined);
    server = await testServer({ $case: "layout", folder: layout }, await readFile(publicKey, "utf8"));
    id = await server.schematic(SCHEMATIC);
  });
  after(() => server[Symbol.asyncDispose]());

  const ask = (version: string, path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${server.url}/image/${id}/${version}/${path}`, init);
  const get = async (version: string, path: string): Promise<Buffer> => {
    const response = await ask(version, path);
    assert.equal(response.status, 200, path);
    return Buffer.from(await response.arrayBuffer());
  };

  for (const variant of VARIANTS) {
    const { version, arch } = variant;
    it(`${version} ${arch}: command line, initramfs and kernel image`, async () => {
      const cmdline = (await get(version, `cmdline-metal-${arch}`)).toString();
      assert.ok(cmdline.startsWith(`talos.platform=metal ${variant.consoles} `), cmdline);
      assert.ok(cmdline.endsWith(" variant.test=1"), cmdline);
      const initramfs = await get(version, `initramfs-${arch}.xz`);
      assert.ok(appended(initramfs).includes(`${variant.firmware}/fixture/plain.bin`));
      const image = await get(version, `metal-${arch}-uki.efi`);
      assert.equal(parsePe(image, image.length).coff.machine, variant.machine);
      const found = sections(image);
      const first = (name: string): Buffer | undefined => found.find(([other]) => other === name)?.[1];
      assert.ok(first(".linux")!.equals(await get(version, `kernel-${arch}`)));
      assert.ok(first(".initrd")!.equals(initramfs));
      assert.equal(first(".cmdline")!.includes("variant.test=1"), variant.argumentsInUki);
      // Only kernels for PCs say in their head which release they are.
      assert.equal(first(".uname") !== undefined, variant.uname);
      const profiles = found.filter(([name]) => name === ".profile").map(([, bytes]) => bytes.toString());
      assert.deepEqual(profiles, variant.profiles);
    });

    it(`${version} ${arch}: disk image`, async () => {
      const raw = await ask(version, `metal-${arch}.raw`, { method: "HEAD" });
      assert.equal(Number(raw.headers.get("content-length")), variant.disk);
      const header = await ask(version, `metal-${arch}.raw`, { headers: { range: "bytes=512-519" } });
      assert.equal(header.status, 206);
      assert.equal(await header.text(), "EFI PART");
    });
  }

  it("an ISO for arm64 names its loader as arm64 firmware looks for it", async () => {
    const iso = await get(VERSION, "metal-arm64.iso");
    assert.equal(iso.toString("latin1", 0x8001, 0x8006), "CD001");
    assert.ok(iso.includes("BOOTAA64.EFI") && !iso.includes("BOOTX64.EFI"));
  });
});
