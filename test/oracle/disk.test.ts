import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { grubModules } from "../../fixtures/grub.ts";
import { utf8 } from "../../src/bytes/text.ts";
import type { Recipe } from "../../src/extents/index.ts";
import { type Xfsprogs, xfsprogs } from "../formats/xfs/xfsprogs.ts";
import { DiskReader } from "../support/disk-reader.ts";
import { type TestFactory, testFactory } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addCatalogue, BOOT_FILES, bootFiles } from "../support/release.ts";
import { layer } from "../support/tar.ts";
import { withFolder, writeImage } from "../support/write-image.ts";

const NEVER = new AbortController().signal;
const GRUB = ["EFI", "BIOS", "BOOT", "META"];
const OLD = [...GRUB, "STATE", "EPHEMERAL"];
const SD_BOOT = ["EFI", "META"];

/** Version, architecture, boot loader where one is chosen, bytes of a sector, partitions. */
const DISKS = [
  ["v1.7.6", "amd64", undefined, 512, OLD],
  ["v1.9.5", "amd64", undefined, 512, GRUB],
  ["v1.9.5", "arm64", undefined, 4096, GRUB],
  ["v1.12.4", "amd64", "grub", 4096, GRUB],
  ["v1.14.0", "amd64", undefined, 512, GRUB],
  ["v1.14.0", "amd64", undefined, 4096, GRUB],
  ["v1.14.0", "amd64", "sd-boot", 512, SD_BOOT],
  ["v1.14.0", "arm64", undefined, 4096, SD_BOOT],
] as const;

/** Both outputs of a tool that has to be content. */
function run(tool: string, ...args: readonly string[]): string {
  const env = { ...process.env, LC_ALL: "C" };
  const { status, stdout, stderr, error } = spawnSync(tool, args, { encoding: "utf8", env });
  if (error) throw error;
  assert.equal(status, 0, `${tool}: ${stdout}${stderr}`);
  return stdout + stderr;
}

function judgeTable(path: string, sectorSize: number, names: readonly string[]): void {
  // sgdisk takes a file for a disk with sectors of 512 bytes.
  if (sectorSize === 512) assert.match(run("sgdisk", "-v", path), /No problems found/);
  const listed = run("fdisk", "-b", String(sectorSize), "-l", "-o", "Name", path);
  assert.match(listed, /Disklabel type: gpt/);
  assert.doesNotMatch(listed, /corrupt|not properly|does not start|will be corrected/i);
  assert.ok(listed.endsWith(`Name\n${names.join("\n")}\n`), listed);
}

function judgeEsp(path: string, sectorSize: number): void {
  const checked = run("fsck.vfat", "-n", "-v", path);
  assert.doesNotMatch(checked, /differ|wrong|bad |orphan|Reclaim|Dirty/i);
  assert.match(checked, new RegExp(`${sectorSize} bytes per logical sector`));
}

async function judgeBoot(path: string, tools: Xfsprogs): Promise<void> {
  tools.run("xfs_repair", "-n", path);
  assert.match(tools.run("xfs_logprint", "-t", path), /state: <CLEAN>/);
  const target = `${path}.files`;
  await mkdir(target);
  tools.run("xfs_db", "-r", "-c", `rdump / ${target}`, path);
  assert.ok(readFileSync(join(target, "A/vmlinuz")).equals(BOOT_FILES.vmlinuz));
  // The schematic comes behind the release's own.
  const base = BOOT_FILES["initramfs.xz"];
  assert.ok(readFileSync(join(target, "A/initramfs.xz")).subarray(0, base.length).equals(base));
  assert.match(readFileSync(join(target, "grub/grub.cfg"), "utf8"), /linux \/A\/vmlinuz .*oracle\.test=1/);
}

describe("whole disks judged by the tools of their parts", () => {
  const held = new AsyncDisposableStack();
  let tested: TestFactory;
  let tools: Xfsprogs;

  before(async () => {
    tools = await xfsprogs();
    const source = held.use(await temporaryFolder());
    const data = held.use(await temporaryFolder());
    const key = freshKey();
    const registry = new TestRegistry();
    const both = bootFiles().flatMap((file) => [file, { ...file, name: file.name.replace("amd64", "arm64") }]);
    for (const version of new Set(DISKS.map(([one]) => one))) {
      registry.release("siderolabs/imager", version, [{ bytes: await layer(both) }], key);
      await addCatalogue(registry, version, [], key);
    }
    await registry.writeLayout(source.path);
    tested = held.use(
      await testFactory({
        source: { $case: "layout", folder: source.path },
        publicKey: pemOf(key),
        dataFolder: data.path,
        grubFolder: await grubModules(() => undefined),
      }),
    );
  });
  after(() => held.disposeAsync());

  const ordered = async ([version, arch, bootloader, sectorSize]: (typeof DISKS)[number]): Promise<Recipe> => {
    const chosen = bootloader ? { bootloader } : {};
    const customization = { ...chosen, extraKernelArgs: ["oracle.test=1"], diskImage: { sectorSize } };
    const { id } = await tested.factory.putSchematic(utf8(JSON.stringify({ customization })));
    return await tested.factory.asset({ schematic: id, version, path: `metal-${arch}.raw` }, NEVER);
  };

  for (const disk of DISKS) {
    const [version, arch, bootloader = "its own boot loader", sectorSize, names] = disk;
    it(`${version} ${arch} with ${bootloader}, sectors of ${sectorSize} bytes`, async () => {
      const image = await ordered(disk);
      await withFolder(async (folder) => {
        const path = join(folder, "disk.raw");
        await writeImage(path, image, tested.blobs);
        judgeTable(path, sectorSize, names);
        rmSync(path);
        const reader = new DiskReader(image, tested.blobs, sectorSize);
        for (const { name, content } of reader.partitions(await reader.header(1))) {
          const part = join(folder, name);
          if (name === "EFI" || name === "BOOT") await writeImage(part, content, tested.blobs);
          if (name === "EFI") judgeEsp(part, sectorSize);
          if (name === "BOOT") await judgeBoot(part, tools);
        }
      });
    });
  }
});
