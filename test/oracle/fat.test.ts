import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { read, recipe } from "../../src/extents/index.ts";
import { type FatVolume, fat12Floppy, fat32Volume } from "../../src/formats/fat/index.ts";
import { bootSector12, bootSector32 } from "../../src/formats/fat/layout.ts";
import { directory, file } from "../support/fat-tree.ts";
import { NO_BLOBS, withFolder, writeImage } from "../support/write-image.ts";

const EPOCH = 1_559_424_892;
const ENVIRONMENT = { ...process.env, TZ: "UTC", LC_ALL: "C", SOURCE_DATE_EPOCH: String(EPOCH) };

function run(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, { encoding: "utf8", env: ENVIRONMENT, stdio: "pipe", maxBuffer: 8 * MiB });
}

const KERNEL = recipe([
  { $case: "inline", bytes: utf8("head") },
  { $case: "zeros", length: 3 * MiB + 17 },
  { $case: "inline", bytes: utf8("tail") },
]);

const TREE = [
  directory(
    "EFI",
    directory("BOOT", file("BOOTX64.efi", "loader")),
    directory("Linux", file("Talos-v1.14.0.efi", KERNEL)),
  ),
  directory(
    "loader",
    file("loader.conf", "timeout 10\n"),
    file("random-seed", "\0".repeat(32), true),
    file("empty", ""),
  ),
  directory("many", ...Array.from({ length: 300 }, (_, i) => file(`a-long-file-name-${i}.config`, `content ${i}`))),
  file("ünïcode name with 日本.txt", "text"),
];

const VOLUME: FatVolume = { sizeBytes: 66 * MiB, label: "EFI", mtime: EPOCH, tree: TREE };

test("fsck.vfat finds nothing to repair", async () => {
  const volumes = [
    VOLUME,
    { ...VOLUME, sizeBytes: 100 * MiB, sectorSize: 4096 },
    { ...VOLUME, sizeBytes: 2101 * MiB },
    { ...VOLUME, sizeBytes: 300 * MiB, sectorsPerCluster: 8, tree: [] },
  ];
  for (const volume of volumes) {
    await withFolder(async (folder) => {
      const path = join(folder, "esp.img");
      await writeImage(path, fat32Volume(volume));
      const out = run("fsck.vfat", "-n", "-v", path);
      assert.doesNotMatch(out, /differ|wrong|bad |orphan|Reclaim|Dirty/i);
      assert.match(out, new RegExp(`${volume.sectorSize ?? 512} bytes per logical sector`));
    });
  }
});

test("mtools lists and reads the tree", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "esp.img");
    await writeImage(path, fat32Volume(VOLUME));
    const listed = run("mdir", "-i", path, "-/", "-a", "-b", "::").trim().split("\n");
    assert.ok(listed.includes("::/EFI/BOOT/BOOTX64.efi"));
    assert.ok(listed.includes("::/EFI/Linux/Talos-v1.14.0.efi"));
    assert.ok(listed.includes("::/many/a-long-file-name-299.config"));
    assert.equal(listed.length, 311);
    assert.match(run("mdir", "-i", path, "-a", "::/loader"), /LOADER~1 CON +11 2019-06-01 +21:34 +loader\.conf/);
    assert.match(run("mdir", "-i", path, "::"), /Volume in drive : is EFI/);
    assert.match(run("mdir", "-i", path, "::"), /Volume Serial Number is 1234-ABCD/);
    assert.match(run("mattrib", "-i", path, "::/loader/random-seed"), /A +R +::/);
    assert.equal(run("mtype", "-i", path, "::/many/a-long-file-name-7.config"), "content 7");
    const kernel = execFileSync("mtype", ["-i", path, "::/EFI/Linux/Talos-v1.14.0.efi"], { maxBuffer: 8 * MiB });
    assert.ok(kernel.equals(await read(KERNEL, NO_BLOBS)));
  });
});

/** Size in bytes, sector size, sectors per cluster asked for. */
const EMPTY: readonly (readonly [number, number, number | undefined])[] = [
  [40 * MiB, 512, undefined],
  [66 * MiB, 512, 2],
  [100 * MiB, 512, undefined],
  [100 * MiB, 4096, undefined],
  [260 * MiB, 512, undefined],
  [260 * MiB + 512, 512, undefined],
  [264 * MiB, 512, 8],
  [1101 * MiB, 512, undefined],
  [1101 * MiB, 4096, undefined],
  [2101 * MiB, 512, undefined],
  [2101 * MiB + 512 * 61, 512, undefined],
  [32_769 * MiB, 512, undefined],
];

test("the reserved area and the start of the table equal those of mkfs.vfat, boot code aside", async () => {
  for (const [sizeBytes, sectorSize, sectorsPerCluster] of EMPTY) {
    const image = fat32Volume({
      sizeBytes,
      sectorSize,
      label: "EFI",
      mtime: EPOCH,
      tree: [],
      ...(sectorsPerCluster ? { sectorsPerCluster } : {}),
    });
    await withFolder(async (folder) => {
      const path = join(folder, "mkfs.img");
      writeFileSync(path, "");
      truncateSync(path, sizeBytes);
      const options = sectorsPerCluster ? ["-s", String(sectorsPerCluster)] : [];
      run("mkfs.vfat", "-F", "32", "-n", "EFI", "--invariant", "-S", String(sectorSize), ...options, path);
      truncateSync(path, 72 * 4096);
      const theirs = withoutBootCode(readFileSync(path), sectorSize);
      const ours = withoutBootCode(await read(image, NO_BLOBS, 0, 72 * 4096), sectorSize);
      const first = ours.findIndex((byte, i) => byte !== theirs[i]);
      assert.equal(first, -1, `${sizeBytes} bytes, ${sectorSize}: first difference at ${first}`);
    });
  }
});

function withoutBootCode(bytes: Uint8Array, sectorSize: number): Uint8Array {
  const { bootCode, signature } = bootSector32.offsets;
  for (const sector of [0, 6]) bytes.fill(0, sector * sectorSize + bootCode, sector * sectorSize + signature);
  return bytes;
}

const LOADERS = { "bootaa64.efi": "a".repeat(700_001), "bootx64.efi": "x".repeat(901_120) };
const FLOPPY = fat12Floppy({
  mtime: EPOCH,
  tree: [directory("efi", directory("boot", ...Object.entries(LOADERS).map(([name, text]) => file(name, text))))],
});

test("a floppy: fsck.vfat finds nothing to repair, mtools reads all of it", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "efi.img");
    await writeImage(path, FLOPPY);
    const checked = run("fsck.vfat", "-n", "-v", path);
    assert.doesNotMatch(checked, /differ|wrong|bad |orphan|Reclaim|Dirty/i);
    assert.match(checked, /2 FATs, 12 bit entries.*4 files, 1566\/2863 clusters/s);
    const root = run("mdir", "-i", path, "::");
    assert.match(root, /Volume in drive : has no label.*Volume Serial Number is 5CF2-EF7C/s);
    const listed = run("mdir", "-i", path, "-/", "-b", "::").trim().split("\n");
    assert.deepEqual(listed, ["::/efi/", "::/efi/boot/", "::/efi/boot/bootaa64.efi", "::/efi/boot/bootx64.efi"]);
    for (const [name, text] of Object.entries(LOADERS))
      assert.ok(run("mtype", "-i", path, `::/efi/boot/${name}`) === text, name);
  });
});

test("a floppy equals that of mformat and mcopy, boot code aside", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "mformat.img");
    run("mformat", "-C", "-f", "2880", "-L", "16", "-N", EPOCH.toString(16), "-i", path, "::");
    run("mmd", "-i", path, "::/efi", "::/efi/boot");
    for (const [name, text] of Object.entries(LOADERS)) {
      const loader = join(folder, name);
      writeFileSync(loader, text);
      utimesSync(loader, EPOCH, EPOCH);
      run("mcopy", "-i", path, loader, "::/efi/boot/");
    }
    const [theirs, ours] = [readFileSync(path), Buffer.from(await read(FLOPPY, NO_BLOBS))];
    for (const image of [theirs, ours]) image.fill(0, bootSector12.offsets.bootCode, bootSector12.offsets.signature);
    assert.equal(
      ours.findIndex((byte, i) => byte !== theirs[i]),
      -1,
    );
    assert.equal(ours.length, theirs.length);
  });
});
