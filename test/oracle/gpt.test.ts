import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { labelGuid, parseGuid } from "../../src/bytes/guid.ts";
import { type GptPartition, gptDisk } from "../../src/formats/gpt/index.ts";
import { withFolder, writeImage } from "../support/write-image.ts";

const ESP = parseGuid("C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
const BIOS = parseGuid("21686148-6449-6E6F-744E-656564454649");
const LINUX = parseGuid("0FC63DAF-8483-4772-8E79-3D69D8477DE4");

function partition(name: string, mib: number, type = LINUX, attributes = 0n): GptPartition {
  return { name, type, guid: labelGuid(name), sizeBytes: mib * MiB, attributes };
}

const DUAL = [
  partition("EFI", 2101, ESP),
  partition("BIOS", 1, BIOS, 4n),
  partition("BOOT", 2000),
  partition("META", 1),
];

function run(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" }, stdio: "pipe" });
}

async function onDisk(
  options: { readonly mib: number; readonly sectorSize: number; readonly offset?: number },
  body: (path: string) => void,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, "disk.raw");
    const { image } = gptDisk({
      sizeBytes: options.mib * MiB,
      sectorSize: options.sectorSize,
      diskGuid: labelGuid("talos-image-disk"),
      partitions: DUAL,
      entryArrayOffsetLba: options.offset ?? 0,
    });
    await writeImage(path, image);
    body(path);
  });
}

test("sgdisk verifies the disk and shows each partition", async () => {
  for (const offset of [0, 20_480]) {
    await onDisk({ mib: 4400, sectorSize: 512, offset }, (path) => {
      assert.match(run("sgdisk", "-v", path), /No problems found/);
      const bios = run("sgdisk", "-i", "2", path);
      assert.match(bios, /GUID code: 21686148-6449-6E6F-744E-656564454649 \(BIOS boot partition\)/);
      assert.match(bios, /unique GUID: A2A02FF5-D88D-8E6E-9C95-26B9B6C80BC3/);
      assert.match(bios, /Attribute flags: 0000000000000004/);
      assert.match(bios, /Partition name: 'BIOS'/);
    });
  }
});

test("sfdisk dumps what was asked for", async () => {
  await onDisk({ mib: 4247, sectorSize: 512 }, (path) => {
    const dump = run("sfdisk", "--dump", path);
    assert.match(dump, /label-id: D92D45B3-CDE9-8760-BE9F-A2A71FAC8D11/);
    assert.match(dump, /first-lba: 2048/);
    assert.match(dump, /last-lba: 8697822/);
    assert.match(dump, /1 : start= +2048, size= +4302848, type=C12A7328.*uuid=BCA5174B.*name="EFI"/);
    assert.match(dump, /2 : start= +4304896, size= +2048, .*name="BIOS", attrs="LegacyBIOSBootable"/);
    assert.match(dump, /4 : start= +8402944, size= +2048, .*name="META"/);
    assert.match(run("sfdisk", "--verify", path), /No errors detected/);
  });
});

test("fdisk reads a disk with 4096-byte sectors", async () => {
  await onDisk({ mib: 4247, sectorSize: 4096 }, (path) => {
    const out = run("fdisk", "-b", "4096", "-l", "-o", "Start,End,Type", path);
    assert.match(out, /Disklabel type: gpt/);
    assert.match(out, /256 +538111 EFI System/);
    assert.match(out, /1050368 +1050623 Linux filesystem/);
  });
});

test("sgdisk verifies a sparse disk of 8 TiB", async () => {
  await onDisk({ mib: 8 * 1024 * 1024, sectorSize: 512 }, (path) => {
    assert.match(run("sgdisk", "-v", path), /No problems found/);
  });
});
