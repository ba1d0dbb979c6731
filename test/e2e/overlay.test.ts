import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { grubModules } from "../../fixtures/grub.ts";
import { read, slice } from "../../src/extents/index.ts";
import { DiskReader } from "../support/disk-reader.ts";
import { type TestFactory, testFactory } from "../support/factory.ts";
import { FatReader } from "../support/fat-reader.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addTinyRelease, VERSION } from "../support/release.ts";
import { layer, type Member } from "../support/tar.ts";

const NEVER = new AbortController().signal;
const PROFILE = "arch: arm64\noutput: {kind: image, imageOptions: {diskSize: 1306525696, bootloader: grub}}\n";

/** It asks for an argument and room, and writes to the disk, the ESP and BOOT. */
const BOARD = `#!/bin/sh
set -eu
input=$(cat)
field() { printf '%s\\n' "$input" | sed -n "s/^ *$1: //p"; }
if [ "$1" = get-options ]; then
  printf 'name: board\\nkernelArgs: [console=%s]\\npartitionOptions: {offset: 20480}\\n' "$(field console)"
  exit
fi
dd if="$(field artifactsPath)/u-boot.bin" of="$(field installDisk)" bs=512 seek=64 conv=notrunc 2>/dev/null
cp "$(field artifactsPath)/config.txt" "$(field mountPrefix)/boot/EFI/config.txt"
`;
const UBOOT = "the board's own boot loader\n".repeat(100);

const script = (text: string): string => `#!/bin/sh\n${text}\n`;

/** Overlays by name, each an image of its own: its executable and its profile. */
const OVERLAYS: Readonly<Record<string, readonly [executable: string, profile: string | undefined]>> = {
  board: [BOARD, PROFILE],
  failing: [script("echo no such board >&2; exit 3"), PROFILE],
  flooding: [script("exec cat /dev/zero"), PROFILE],
  odd: [script("echo 'name: [unclosed'"), PROFILE],
  broken: [BOARD, "arch: [\n"],
  bare: [BOARD, undefined],
};

describe("overlays", () => {
  const key = freshKey();
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let source: Awaited<ReturnType<typeof temporaryFolder>>;
  let factory: TestFactory;

  before(async () => {
    data = await temporaryFolder();
    source = await temporaryFolder();
    const registry = new TestRegistry();
    await addTinyRelease(registry, key);
    const lines: string[] = ["overlays:"];
    for (const [name, [executable, profile]] of Object.entries(OVERLAYS)) {
      const members: readonly Member[] = [
        { name: `installers/${name}`, body: executable },
        { name: "artifacts/u-boot.bin", body: UBOOT },
        { name: "artifacts/config.txt", body: "kernel=u-boot.bin\n" },
        ...(profile === undefined ? [] : [{ name: `profiles/${name}.yaml`, body: profile }]),
      ];
      const layers = [{ bytes: await layer(members) }];
      // The executable is one of the machine this runs on, the profile one of the image that is made.
      const index = registry.index([registry.image(layers), registry.image(layers, "arm64")]);
      const { digest } = index;
      registry.name(`siderolabs/sbc-${name}:v1`, index);
      registry.signLegacy(`siderolabs/sbc-${name}`, digest, key);
      lines.push(`- {name: ${name}, image: "ghcr.io/siderolabs/sbc-${name}:v1", digest: "${digest}"}`);
    }
    const bytes = await layer([{ name: "overlays.yaml", body: `${lines.join("\n")}\n` }]);
    registry.release("siderolabs/overlays", VERSION, [{ bytes }], key);
    await registry.writeLayout(source.path);
    factory = await testFactory({
      source: { $case: "layout", folder: source.path },
      publicKey: pemOf(key),
      dataFolder: data.path,
      grubFolder: await grubModules(() => undefined),
    });
  });
  after(async () => {
    await factory[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
    await source[Symbol.asyncDispose]();
  });

  const schematic = async (name: string, more = ""): Promise<string> => {
    const payload = `overlay: {name: ${name}, image: siderolabs/sbc-${name}, options: {console: ttyS2}}\n${more}`;
    const response = await factory.app.inject({ method: "POST", url: "/schematics", payload });
    return response.json().id;
  };
  const get = (id: string, path: string) => factory.app.inject({ url: `/image/${id}/${VERSION}/${path}` });

  it("make a disk with what they write before its partitions and to its ESP", async () => {
    const address = { schematic: await schematic("board"), version: VERSION, path: "metal-amd64.raw" };
    const image = await factory.factory.asset(address, NEVER);
    const reader = new DiskReader(image, factory.blobs, 512);
    const header = await reader.header(1);
    assert.deepEqual([header.entriesLba, header.firstUsableLba], [20482, 22528]);
    assert.ok(header.headerCrcOk && header.entriesCrcOk);
    const [esp] = reader.partitions(header);
    assert.deepEqual([esp!.name, esp!.firstLba], ["EFI", 22528]);
    const raw = Buffer.from(await read(slice(image, 64 * 512, UBOOT.length), factory.blobs)).toString();
    assert.equal(raw, UBOOT);
    const found = new FatReader(await read(esp!.content, factory.blobs)).walk();
    const files = [...found].map(({ path }) => path);
    assert.deepEqual(files.sort(), ["/EFI", "/EFI/boot", "/EFI/boot/BOOTX64.efi", "/config.txt"]);
  });

  it("are run once for all schematics that name them", async () => {
    const runs = () => factory.derived.filter(({ kind }) => kind.startsWith("overlay")).length;
    const before = runs();
    const other = await schematic("board", "customization: {extraKernelArgs: [a=b]}\n");
    for (const path of ["metal-amd64.raw", "metal-amd64-uki.efi", "initramfs-amd64.xz"]) {
      await factory.factory.asset({ schematic: other, version: VERSION, path }, NEVER);
    }
    assert.equal(runs(), before);
  });

  it("change the arguments of an image, but not of a command line for itself (factory.md 3.2)", async () => {
    const id = await schematic("board");
    assert.doesNotMatch((await get(id, "cmdline-metal-amd64")).body, /ttyS2/);
    assert.match((await get(id, "metal-amd64-uki.efi")).body, /console=ttyS2 slab_nomerge/);
  });

  const merging = "error enhancing profile from schematic: error merging overlay profile:";
  /** What is answered for overlays that do not do what they should. */
  const refused: readonly (readonly [string, number, RegExp])[] = [
    [
      "missing",
      400,
      /^error enhancing .*: official overlay \{"" "" ""\} is not available for Talos version v1\.14\.0$/m,
    ],
    ["failing", 500, /^overlay "failing": get-options: exit status 3, stdErr: no such board$/m],
    ["flooding", 500, /^overlay "flooding": get-options: more than 1048576 bytes on standard output/m],
    ["odd", 500, /^overlay "odd": get-options: yaml: /m],
    ["broken", 500, new RegExp(`^${merging} profiles/broken.yaml: yaml: `, "m")],
    ["bare", 500, new RegExp(`^${merging} error reading overlay profile profiles/bare.yaml: no such file$`, "m")],
  ];
  for (const [name, status, message] of refused) {
    it(`that are ${name} are refused`, async () => {
      const response = await get(await schematic(name), "initramfs-amd64.xz");
      assert.equal(response.statusCode, status, response.body);
      assert.match(response.body, message);
      assert.deepEqual(await readdir(join(data.path, "tmp")), []);
    });
  }
});
