import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../../src/bytes/align.ts";
import { labelGuid } from "../../../src/bytes/guid.ts";
import { zeros } from "../../../src/extents/index.ts";
import { type GptDisk, GptError, type GptPartition, gptDisk } from "../../../src/formats/gpt/index.ts";
import { MbrError } from "../../../src/formats/mbr/index.ts";

const PARTITION: GptPartition = { name: "EFI", type: labelGuid("t"), guid: labelGuid("EFI"), sizeBytes: 10 * MiB };
const DISK: GptDisk = { sizeBytes: 64 * MiB, diskGuid: labelGuid("d"), partitions: [PARTITION] };

function one(change: Partial<GptPartition>): Partial<GptDisk> {
  return { partitions: [{ ...PARTITION, ...change }] };
}

const REFUSED: readonly (readonly [string, Partial<GptDisk>, string])[] = [
  ["empty disk", { sizeBytes: 0 }, "disk_size"],
  ["1 MiB disk", { sizeBytes: MiB }, "disk_size"],
  ["fraction", { sizeBytes: 1e9 + 0.5 }, "disk_size"],
  ["tiny sectors", { sectorSize: 1 }, "disk_size"],
  ["huge sectors", { sectorSize: 131_072 }, "disk_size"],
  ["offset beyond the disk", { entryArrayOffsetLba: 131_072 }, "disk_size"],
  ["negative offset", { entryArrayOffsetLba: -1 }, "disk_size"],
  ["larger than the disk", one({ sizeBytes: 63 * MiB }), "no_space"],
  ["second does not fit", { partitions: [PARTITION, { ...PARTITION, sizeBytes: 53 * MiB }] }, "no_space"],
  [
    "nothing left for the rest",
    {
      partitions: [
        { ...PARTITION, sizeBytes: 62 * MiB },
        { ...PARTITION, sizeBytes: 0 },
      ],
    },
    "no_space",
  ],
  ["long name", one({ name: "n".repeat(37) }), "partition_invalid"],
  ["name with NUL", one({ name: "a\0b" }), "partition_invalid"],
  ["negative size", one({ sizeBytes: -512 }), "partition_invalid"],
  ["less than a sector", one({ sizeBytes: 511 }), "partition_invalid"],
  ["attributes of 65 bits", one({ attributes: 1n << 64n }), "partition_invalid"],
  ["129 partitions", { partitions: Array.from({ length: 129 }, () => PARTITION) }, "partition_invalid"],
  ["content too large", one({ content: zeros(10 * MiB + 1) }), "content_too_large"],
];

test("disks that cannot be laid out are refused with their code", () => {
  for (const [what, change, code] of REFUSED) {
    assert.throws(
      () => gptDisk({ ...DISK, ...change }),
      (error: unknown) => error instanceof GptError && error.code === code && error.message.startsWith("gpt"),
      what,
    );
  }
  assert.throws(() => gptDisk({ ...DISK, bootCode: new Uint8Array(447) }), MbrError);
});

test("the last that fits is accepted", () => {
  gptDisk({ ...DISK, ...one({ sizeBytes: 62 * MiB, name: "n".repeat(36), content: zeros(62 * MiB) }) });
});
