import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../../src/bytes/align.ts";
import { crc32 } from "../../../src/bytes/crc32.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { blob, concat, inline, type Recipe, read, zeros } from "../../../src/extents/index.ts";
import { gptEntry, gptHeader } from "../../../src/formats/gpt/layout.ts";
import { type IsoEntry, type IsoImage, isoImage } from "../../../src/formats/iso9660/index.ts";
import { IsoReader } from "../../support/iso-reader.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

function file(name: string, content: Recipe): IsoEntry {
  return { $case: "file", name, content };
}

function directory(name: string, ...children: IsoEntry[]): IsoEntry {
  return { $case: "directory", name, children };
}

/** Two extents with zeros between, and a length that is no whole word. */
const BOOT_IMAGE = concat(inline(new Uint8Array(3000).fill(0xe7)), zeros(2000), inline(utf8("end")));
const BOOT_SECTOR = new Uint8Array(512).fill(0xb0);

/** `empty` shares its block with the boot image, which must not confuse them. */
const TREE: readonly IsoEntry[] = [
  directory("boot", file("empty", zeros(0)), file("grub.img", BOOT_IMAGE), file("vmlinuz", zeros(70_000))),
  file("efi.img", inline(new Uint8Array(2880 * 1024).fill(0xef))),
];

const GRUB: IsoImage = {
  volumeId: "TALOS_V1_8_4",
  mtime: 1_700_000_000,
  tree: TREE,
  grubBoot: BOOT_SECTOR,
  elTorito: [
    { platform: "bios", image: { $case: "file", path: "/boot/grub.img" }, loadSectors: 4 },
    { platform: "efi", image: { $case: "file", path: "/efi.img" } },
  ],
};
const HYBRID: IsoImage = {
  ...GRUB,
  elTorito: [GRUB.elTorito[0]!, { platform: "efi", image: { $case: "appended" } }],
  appendedPartition: inline(new Uint8Array(3 * MiB).fill(0xee)),
};

async function bytesOf(image: IsoImage): Promise<Buffer> {
  return Buffer.from(await read(isoImage(image), NO_BLOBS));
}

function blockOf(bytes: Uint8Array, path: string): number {
  return [...new IsoReader(bytes).walk()].find((entry) => entry.path === path)!.sections[0]!.block;
}

test("GRUB's El Torito image learns its place, and sums up", async () => {
  const bytes = await bytesOf(HYBRID);
  const block = blockOf(bytes, "/boot/grub.img");
  const image = bytes.subarray(block * 2048, block * 2048 + BOOT_IMAGE.size);
  const plain = Buffer.from(await read(BOOT_IMAGE, NO_BLOBS));

  plain.writeBigUInt64LE(BigInt(4 * block + 5), 0x9f4);
  let sum = 0n;
  for (let at = 64; at < plain.length; at++) sum += BigInt(plain[at]!) << BigInt(8 * (at % 4));
  plain.fill(0, 8, 64);
  for (const [i, word] of [16, block, plain.length, Number(sum & 0xffffffffn)].entries()) {
    plain.writeUInt32LE(word, 8 + 4 * i);
  }
  assert.deepEqual(image, plain);
});

test("the boot sector keeps its code and learns where the image is", async () => {
  const bytes = await bytesOf(HYBRID);
  const expected = Buffer.alloc(446, 0xb0);
  expected.writeBigUInt64LE(BigInt(4 * blockOf(bytes, "/boot/grub.img") + 4), 0x1b0);
  assert.deepEqual(bytes.subarray(0, 446), expected);
  // One slot over everything, with the CHS end of 64 heads and 32 sectors.
  assert.equal(bytes.subarray(446, 458).toString("hex"), "00000200ee14180601000000");
  assert.equal(bytes.readUInt32LE(458), bytes.length / 512 - 1);
  assert.ok(bytes.subarray(462, 510).every((byte) => byte === 0));
  assert.ok(BOOT_SECTOR.every((byte) => byte === 0xb0));
});

/** One of the two headers with its entries, checksums verified. */
function tableAt(bytes: Buffer, lba: number) {
  const header = gptHeader.decode(bytes, lba * 512);
  const blank = Buffer.from(bytes.subarray(lba * 512, lba * 512 + 92));
  blank.writeUInt32LE(0, 16);
  assert.equal(crc32(blank), header.headerCrc);
  const entries = bytes.subarray(header.entriesLba * 512, (header.entriesLba + 62) * 512);
  assert.equal(crc32(entries), header.entriesCrc);
  const rows = Array.from({ length: header.entryCount }, (_, i) => gptEntry.decode(entries, i * 128));
  const used = rows.filter(({ firstLba }) => firstLba > 0);
  return { header, entries, used };
}

function nameOf(field: Uint8Array): string {
  return Buffer.from(field).toString("utf16le").replaceAll("\0", "");
}

test("the hybrid GPT: file system, appended ESP, the rest; 248 entries in both copies", async () => {
  const bytes = await bytesOf(HYBRID);
  const last = bytes.length / 512 - 1;
  const { header, entries, used } = tableAt(bytes, 1);
  const backup = tableAt(bytes, last);
  assert.deepEqual(backup.entries, entries);
  assert.deepEqual([header.entryCount, header.entriesLba, header.ownLba, header.otherLba], [248, 2, 1, last]);
  assert.deepEqual([backup.header.entriesLba, backup.header.ownLba, backup.header.otherLba], [last - 62, last, 1]);
  assert.deepEqual([header.firstUsableLba, header.lastUsableLba], [64, last - 63]);
  assert.deepEqual(
    used.map(({ name, firstLba, lastLba, attributes }) => [nameOf(name), firstLba, lastLba, attributes]),
    [
      ["ISO9660", 64, 6143, 0x1000000000000001n],
      ["Appended2", 6144, 12_287, 0n],
      ["Gap1", 12_288, last - 64, 0x1000000000000001n],
    ],
  );
  assert.equal(bytes.length, 6 * MiB + (150 + 16) * 2048);
  const guids = [header.diskGuid, ...used.map(({ guid }) => guid)].map((guid) => Buffer.from(guid).toString("hex"));
  assert.equal(new Set(guids).size, 4);
});

test("the GPT of a GRUB ISO has the EFI image as ESP, and the volume one descriptor set", async () => {
  const bytes = await bytesOf(GRUB);
  const { used } = tableAt(bytes, 1);
  const first = 4 * blockOf(bytes, "/efi.img");
  const last = bytes.length / 512 - 1;
  assert.deepEqual(
    used.map(({ name, firstLba, lastLba }) => [nameOf(name), firstLba, lastLba]),
    [
      ["Gap0", 64, first - 1],
      ["EFI boot partition", first, first + 5759],
      ["Gap1", first + 5760, last - 64],
    ],
  );
  assert.equal(Buffer.from(used[1]!.type).toString("hex"), "28732ac11ff8d211ba4b00a0c93ec93b");
  assert.ok(bytes.subarray(first * 512, (first + 5760) * 512).every((byte) => byte === 0xef));
  assert.notEqual(bytes.subarray(32 * 2048, 32 * 2048 + 6).toString("latin1"), "\x01CD001");
});

/** Byte 96 on: the section's entry with load size and block. */
const SECTIONS: readonly (readonly [string, IsoImage, number])[] = [
  ["GRUB", GRUB, 5760],
  ["hybrid", HYBRID, 6144],
];

test("the catalog: BIOS first with load size 4, EFI in a section", async () => {
  for (const [what, image, sectors] of SECTIONS) {
    const bytes = await bytesOf(image);
    const catalog = bytes.subarray(bytes.readUInt32LE(17 * 2048 + 71) * 2048);
    assert.equal(catalog[1], 0, what);
    assert.deepEqual([catalog.readUInt16LE(38), catalog.readUInt32LE(40)], [4, blockOf(bytes, "/boot/grub.img")], what);
    assert.equal(catalog.subarray(64, 68).toString("hex"), "91ef0100", what);
    const block = what === "GRUB" ? blockOf(bytes, "/efi.img") : 1536;
    assert.deepEqual([catalog.readUInt16LE(102), catalog.readUInt32LE(104)], [sectors, block], what);
  }
});

test("only the boot image is held in memory", () => {
  const kernel = file("kernel", blob(sha256("kernel"), 20 * MiB));
  const image = isoImage({ ...HYBRID, tree: [...TREE, kernel], appendedPartition: blob(sha256("esp"), 40 * MiB) });
  assert.deepEqual(image.extents.flatMap((extent) => (extent.$case === "blob" ? [extent.length] : [])).toSorted(), [
    20 * MiB,
    40 * MiB,
  ]);
});
