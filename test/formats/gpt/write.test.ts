import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MiB } from "../../../src/bytes/align.ts";
import { crc32 } from "../../../src/bytes/crc32.ts";
import { digestHex, sha256 } from "../../../src/bytes/digest.ts";
import { labelGuid, parseGuid } from "../../../src/bytes/guid.ts";
import { blob, read } from "../../../src/extents/index.ts";
import { type GptPartition, gptDisk } from "../../../src/formats/gpt/index.ts";
import { gptHeader } from "../../../src/formats/gpt/layout.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

const DISK_GUID = labelGuid("talos-image-disk");
const ESP = parseGuid("C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
const BIOS = parseGuid("21686148-6449-6E6F-744E-656564454649");
const LINUX = parseGuid("0FC63DAF-8483-4772-8E79-3D69D8477DE4");

function partition(name: string, mib: number, type = LINUX, attributes = 0n): GptPartition {
  return { name, type, guid: labelGuid(name), sizeBytes: mib * MiB, attributes };
}

const GRUB = [partition("EFI", 100, ESP), partition("BIOS", 1, BIOS, 4n)];
const DUAL = [
  partition("EFI", 2101, ESP),
  partition("BIOS", 1, BIOS, 4n),
  partition("BOOT", 2000),
  partition("META", 1),
];
const OLD = [
  ...GRUB,
  partition("BOOT", 1000),
  partition("META", 1),
  partition("STATE", 100),
  partition("EPHEMERAL", 0),
];

/** Disk in MiB, sector size, offset, partitions, then first and last LBA of each (outputs.md 2.6, go-blockdevice 2.0.32). */
const LAYOUTS: readonly (readonly [
  number,
  number,
  number,
  readonly GptPartition[],
  readonly (readonly [number, number])[],
])[] = [
  [
    ...([4247, 512, 0, DUAL] as const),
    [
      [2048, 4304895],
      [4304896, 4306943],
      [4306944, 8402943],
      [8402944, 8404991],
    ],
  ],
  [
    ...([4247, 4096, 0, DUAL] as const),
    [
      [256, 538111],
      [538112, 538367],
      [538368, 1050367],
      [1050368, 1050623],
    ],
  ],
  [
    ...([1246, 512, 0, OLD] as const),
    [
      [2048, 206847],
      [206848, 208895],
      [208896, 2256895],
      [2256896, 2258943],
      [2258944, 2463743],
      [2463744, 2549759],
    ],
  ],
  [
    ...([1246, 512, 20480, GRUB] as const),
    [
      [22528, 227327],
      [227328, 229375],
    ],
  ],
];

test("partitions get the sectors the reference gives them", () => {
  for (const [mib, sectorSize, entryArrayOffsetLba, partitions, expected] of LAYOUTS) {
    const disk = { sizeBytes: mib * MiB, sectorSize, diskGuid: DISK_GUID, partitions, entryArrayOffsetLba };
    const placed = gptDisk(disk).partitions;
    assert.deepEqual(
      placed.map(({ firstLba, lastLba }) => [firstLba, lastLba]),
      expected,
    );
  }
});

test("MBR, header and entries equal the reference's bytes", async () => {
  const { image } = gptDisk({ sizeBytes: 1246 * MiB, diskGuid: DISK_GUID, partitions: OLD });
  const head = await read(image, NO_BLOBS, 0, MiB);
  const primary =
    "RUZJIFBBUlQAAAEAXAAAALXxnlEAAAAAAQAAAAAAAAD/7yYAAAAAAAAIAAAAAAAA3u8mAAAAAACzRS3Z6c1gh76foqcfrI0RAgAAAAAAAACAAAAAgAAAAKw8SU4=";
  const backup =
    "RUZJIFBBUlQAAAEAXAAAAJKg84cAAAAA/+8mAAAAAAABAAAAAAAAAAAIAAAAAAAA3u8mAAAAAACzRS3Z6c1gh76foqcfrI0R3+8mAAAAAACAAAAAgAAAAKw8SU4=";
  assert.equal(Buffer.from(head.subarray(512, 604)).toString("base64"), primary);
  assert.equal(Buffer.from(await read(image, NO_BLOBS, 2_551_807 * 512, 92)).toString("base64"), backup);
  assert.equal(digestHex(sha256(head)), "bf977bbbd96fb928332e2b7b2e3593225b85a568a6f11277902c3e3a466a05dd");
});

test("the backup entry array lies before the backup header", async () => {
  const { image } = gptDisk({ sizeBytes: 1246 * MiB, sectorSize: 4096, diskGuid: DISK_GUID, partitions: GRUB });
  const tail = await read(image, NO_BLOBS, image.size - 5 * 4096);
  assert.deepEqual(tail.subarray(0, 16_384), await read(image, NO_BLOBS, 2 * 4096, 16_384));
  assert.equal(gptHeader.decode(tail, 16_384).signature, "EFI PART");
});

test("boot code and content stand where they belong", () => {
  const content = blob(sha256("esp"), 50 * MiB);
  const bootCode = new Uint8Array(446).fill(1);
  const partitions = [{ ...partition("EFI", 100, ESP), content }];
  const { image } = gptDisk({ sizeBytes: 200 * MiB, diskGuid: DISK_GUID, partitions, bootCode });
  const at = image.extents.findIndex((extent) => extent.$case === "blob");
  assert.equal(image.starts[at], MiB);
  const [first] = image.extents;
  assert.ok(first?.$case === "inline" && first.bytes[445] === 1 && first.bytes[446] === 0);
});

test("a disk of 16 TiB costs no bytes, and its MBR counts to 2^32 - 1", async () => {
  const sizeBytes = 16 * 2 ** 40;
  const { image, partitions } = gptDisk({
    sizeBytes,
    diskGuid: DISK_GUID,
    partitions: [...GRUB, partition("EPHEMERAL", 0)],
  });
  assert.equal(image.size, sizeBytes);
  assert.equal(partitions[2]!.lastLba, 2 ** 35 - 2048 - 1);
  assert.equal(Buffer.from(await read(image, NO_BLOBS, 446 + 12, 4)).toString("hex"), "ffffffff");
});

test("bytes after the last full sector stay zero", async () => {
  const { image } = gptDisk({ sizeBytes: 200 * MiB - 1, diskGuid: DISK_GUID, partitions: GRUB });
  assert.equal(image.size, 200 * MiB - 1);
  assert.equal(gptHeader.decode(await read(image, NO_BLOBS, image.size - 511 - 512, 92)).otherLba, 1);
});

const disks = fc.record({
  mib: fc.integer({ min: 64, max: 100_000 }),
  sectorSize: fc.constantFrom(512, 4096),
  offset: fc.integer({ min: 0, max: 5000 }),
  sizes: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }),
});

test("property: partitions are aligned, disjoint, inside the usable range, and both headers check", async () => {
  await fc.assert(
    fc.asyncProperty(disks, async ({ mib, sectorSize, offset, sizes }) => {
      const partitions = sizes.map((size, i) => partition(`P${i}`, size));
      const { image, partitions: placed } = gptDisk({
        sizeBytes: mib * MiB,
        sectorSize,
        diskGuid: DISK_GUID,
        entryArrayOffsetLba: offset,
        partitions: mib < 100 ? partitions.slice(0, 1) : partitions,
      });
      const last = (mib * MiB) / sectorSize - 1;
      for (const lba of [1, last]) {
        const header = await read(image, NO_BLOBS, lba * sectorSize, 92);
        const { headerCrc, ownLba, firstUsableLba, lastUsableLba } = gptHeader.decode(header);
        header.fill(0, gptHeader.offsets.headerCrc, gptHeader.offsets.headerCrc + 4);
        assert.deepEqual([crc32(header), ownLba], [headerCrc, lba]);
        for (const { firstLba, lastLba } of placed) assert.ok(firstUsableLba <= firstLba && lastLba <= lastUsableLba);
      }
      for (const [i, { firstLba }] of placed.entries()) {
        assert.equal((firstLba * sectorSize) % MiB, 0);
        if (i > 0) assert.equal(firstLba, placed[i - 1]!.lastLba + 1);
      }
    }),
    { numRuns: 100 },
  );
});
