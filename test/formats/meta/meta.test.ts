import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MiB } from "../../../src/bytes/align.ts";
import { digestHex, sha256 } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { read } from "../../../src/extents/index.ts";
import { type MetaValue, metaPartition, readMeta } from "../../../src/formats/meta/index.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

async function bytesOf(values: readonly MetaValue[]): Promise<Uint8Array> {
  return read(metaPartition(values), NO_BLOBS);
}

/** Values, then SHA-256 of the whole partition as the reference's go-adv 1.0.0 writes it. */
const PARTITIONS: readonly (readonly [readonly MetaValue[], string])[] = [
  [[{ tag: 10, value: "foo" }], "b2257bb93d338c539bb75e3f6ee0dd97520287c3c5f3720096d4df945cf207ac"],
  [[{ tag: 255, value: "max" }], "4796feb0dbf0e4f123ecee81922d2215c8fa25fd22858c7094fdd595b542446c"],
  [
    [
      { tag: 1, value: "a" },
      { tag: 2, value: "b" },
      { tag: 3, value: "c" },
    ],
    "a0a145d3794e6d6d549444ba32e29195013567e0bcfee4554ac71e4282f646f4",
  ],
  [
    [
      { tag: 10, value: "a" },
      { tag: 10, value: "b" },
    ],
    "52ae09dafa346f1649db4dc0789d9aea41ccd57ecdc0beb9c6cf40e414726209",
  ],
  [[{ tag: 10, value: "a".repeat(262_096) }], "bbe83e9c72d98636f744fb9d957e6d0651b87587b6f7eda2a9b4b9a03a6e7a5e"],
];

test("partitions equal the reference's", async () => {
  for (const [values, hex] of PARTITIONS) assert.equal(digestHex(sha256(await bytesOf(values))), hex);
});

test("layout: two equal copies, then zeros", async () => {
  const bytes = await bytesOf([{ tag: 0x0a, value: "foo" }]);
  assert.equal(bytes.length, MiB);
  assert.equal(Buffer.from(bytes.subarray(0, 16)).toString("hex"), "5a4b3c2d0000000a00000003666f6f00");
  assert.equal(Buffer.from(bytes.subarray(262_140, 262_144)).toString("hex"), "a5b4c3d2");
  assert.deepEqual(bytes.subarray(0, 262_144), bytes.subarray(262_144, 524_288));
  assert.ok(bytes.subarray(524_288).every((byte) => byte === 0));
});

test("an empty list makes valid empty copies", async () => {
  assert.deepEqual([...readMeta(await bytesOf([]))], []);
});

test("the second copy serves when the first is damaged", async () => {
  const bytes = await bytesOf([{ tag: 6, value: "A" }]);
  bytes[5] = 1;
  assert.deepEqual([...readMeta(bytes)], [[6, utf8("A")]]);
});

const value = fc.record({ tag: fc.integer({ min: 1, max: 255 }), value: fc.uint8Array({ maxLength: 2000 }) });

test("property: what was written is read, whatever the order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(value, { selector: ({ tag }) => tag, maxLength: 40 }), async (values) => {
      const found = readMeta(await bytesOf(values));
      const ascending = values.toSorted((a, b) => a.tag - b.tag);
      assert.deepEqual(
        [...found],
        ascending.map(({ tag, value: bytes }) => [tag, new Uint8Array(bytes)]),
      );
      assert.equal(metaPartition(values.toReversed()).identity, metaPartition(values).identity);
    }),
    { numRuns: 30 },
  );
});
