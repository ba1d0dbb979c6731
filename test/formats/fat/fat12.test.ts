import assert from "node:assert/strict";
import { test } from "node:test";
import { read, zeros } from "../../../src/extents/index.ts";
import { fat12Floppy } from "../../../src/formats/fat/index.ts";
import { bootSector12 } from "../../../src/formats/fat/layout.ts";
import { FatReader } from "../../support/fat-reader.ts";
import { directory, file } from "../../support/fat-tree.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

const EPOCH = 1_700_000_000;
const TREE = [
  directory("efi", directory("boot", file("bootx64.efi", zeros(196_608)), file("bootaa64.efi", zeros(204_800)))),
];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("the boot sector is the one of a 2.88 MB floppy by mformat", async () => {
  const image = await read(fat12Floppy({ mtime: EPOCH, tree: TREE }), NO_BLOBS);
  assert.equal(image.length, 5760 * 512);
  const { bootCode: _, ...fields } = bootSector12.decode(image);
  assert.deepEqual(fields, {
    jump: Uint8Array.of(0xeb, 0x3c, 0x90),
    oemName: "MTOO4032",
    bytesPerSector: 512,
    sectorsPerCluster: 2,
    reservedSectors: 1,
    fats: 2,
    rootEntries: 240,
    totalSectors16: 5760,
    media: 0xf0,
    sectorsPerFat16: 9,
    sectorsPerTrack: 36,
    heads: 2,
    hiddenSectors: 0,
    totalSectors32: 0,
    driveNumber: 0,
    reserved1: undefined,
    bootSignature: 0x29,
    volumeId: EPOCH,
    label: "NO NAME",
    fsType: "FAT12",
    signature: 0xaa55,
  });
});

test("the boot code points at its own text", async () => {
  const image = await read(fat12Floppy({ mtime: EPOCH, tree: [] }), NO_BLOBS);
  const message = (image[67]! | (image[68]! << 8)) - 0x7c00;
  assert.equal(image[66], 0xbe);
  assert.ok(Buffer.from(image.subarray(message)).toString("latin1").startsWith("This volume"));
});

test("the serial number is the time cut to 32 bits", async () => {
  const image = await read(fat12Floppy({ mtime: 2 ** 32 + 5, tree: [] }), NO_BLOBS, 0, 512);
  assert.equal(bootSector12.decode(image).volumeId, 5);
});

test("the tree of a GRUB ISO: order, clusters, case bits and stamps", async () => {
  const reader = new FatReader(await read(fat12Floppy({ mtime: EPOCH, tree: TREE }), NO_BLOBS));
  const found = [...reader.walk()].map(({ path, short, attributes, caseBits, clusters }) => {
    return [path, short, attributes, caseBits, clusters[0], clusters.length];
  });
  assert.deepEqual(found, [
    ["/efi", "EFI", 0x10, 0x08, 2, 1],
    ["/efi/boot", "BOOT", 0x10, 0x08, 3, 1],
    ["/efi/boot/bootaa64.efi", "BOOTAA64EFI", 0x20, 0x18, 4, 200],
    ["/efi/boot/bootx64.efi", "BOOTX64 EFI", 0x20, 0x18, 204, 192],
  ]);
  for (const { date, time, path } of reader.walk()) {
    // 2023-11-14 22:13:20
    assert.deepEqual([date, time], [(43 << 9) | (11 << 5) | 14, (22 << 11) | (13 << 5) | 10], path);
  }
});

test("entries of 12 bits in two equal tables; nothing behind the last used one", async () => {
  const reader = new FatReader(await read(fat12Floppy({ mtime: EPOCH, tree: TREE }), NO_BLOBS));
  assert.deepEqual(reader.table(0), reader.table(1));
  assert.equal(hex(reader.table(0).subarray(0, 16)), "f0ffffffffff05600007800009a0000b");
  const ends = [0, 1, 2, 3, 202, 203, 394, 395, 396, 3071].map((cluster) => reader.entry(cluster));
  assert.deepEqual(ends, [0xff0, 0xfff, 0xfff, 0xfff, 203, 0xfff, 395, 0xfff, 0, 0]);
});

test("the root has no label entry, dots of the first level point to 0 and others to their parent", async () => {
  const reader = new FatReader(await read(fat12Floppy({ mtime: EPOCH, tree: TREE }), NO_BLOBS));
  const root = reader.root();
  assert.deepEqual([hex(root.subarray(0, 12)), root[32]], ["454649202020202020202010", 0]);
  const dots = (cluster: number): number[] => {
    const body = reader.body([cluster]);
    return [body[26]!, body[32 + 26]!];
  };
  assert.deepEqual(
    [dots(2), dots(3)],
    [
      [2, 0],
      [3, 2],
    ],
  );
});
