import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sha256 } from "../../src/bytes/digest.ts";
import {
  type BlobReader,
  blob,
  CHUNK_BYTES,
  concat,
  type Extent,
  ExtentError,
  inline,
  padTo,
  place,
  type Recipe,
  read,
  recipe,
  slice,
  stream,
  zeros,
} from "../../src/extents/index.ts";

const GiB = 2 ** 30;
const BLOB = Uint8Array.from({ length: 997 }, (_, i) => (i * 31 + 7) & 0xff);
const DIGEST = sha256(BLOB);
const blobs: BlobReader = {
  async read(digest, offset, length) {
    assert.equal(digest, DIGEST);
    return BLOB.subarray(offset, offset + length);
  },
};

/** A random extent list beside the plain bytes it stands for. */
const extents: fc.Arbitrary<{ extent: Extent; bytes: Uint8Array }[]> = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ extent: { $case: "inline" as const, bytes }, bytes })),
    fc.nat(60).map((length) => ({ extent: { $case: "zeros" as const, length }, bytes: new Uint8Array(length) })),
    fc.tuple(fc.nat(900), fc.nat(97)).map(([offset, length]) => ({
      extent: { $case: "blob" as const, digest: DIGEST, offset, length },
      bytes: BLOB.slice(offset, offset + length),
    })),
  ),
  { maxLength: 12 },
);

function plain(parts: readonly { bytes: Uint8Array }[]): Uint8Array {
  return Buffer.concat(parts.map((part) => part.bytes));
}

function same(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(Buffer.compare(actual, expected), 0);
}

async function collect(whole: Recipe, offset?: number, length?: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream(whole, blobs, offset, length)) {
    assert.ok(chunk.length > 0 && chunk.length <= CHUNK_BYTES);
    chunks.push(chunk.slice());
  }
  return Buffer.concat(chunks);
}

test("every range of a recipe reads and streams as the plain bytes do", async () => {
  await fc.assert(
    fc.asyncProperty(extents, fc.nat(), fc.nat(), async (parts, a, b) => {
      const whole = recipe(parts.map((part) => part.extent));
      const bytes = plain(parts);
      assert.equal(whole.size, bytes.length);
      const start = a % (bytes.length + 1);
      const length = b % (bytes.length - start + 1);
      same(await read(whole, blobs, start, length), bytes.subarray(start, start + length));
      same(await collect(whole, start, length), bytes.subarray(start, start + length));
      same(await read(slice(whole, start, length), blobs), bytes.subarray(start, start + length));
    }),
  );
});

test("a range is right at every extent boundary, one byte before and one behind it", async () => {
  const whole = concat(
    inline(BLOB.subarray(0, 5)),
    zeros(3),
    blob(DIGEST, 7, 11),
    zeros(1),
    inline(BLOB.subarray(3, 4)),
  );
  const bytes = await read(whole, blobs);
  for (let start = 0; start <= whole.size; start++) {
    for (let end = start; end <= whole.size; end++) {
      same(await read(whole, blobs, start, end - start), bytes.subarray(start, end));
    }
  }
});

test("identity depends on the content described, not on how the list was cut", () => {
  fc.assert(
    fc.property(extents, fc.nat(), (parts, at) => {
      const whole = recipe(parts.map((part) => part.extent));
      const cut = whole.size === 0 ? 0 : at % whole.size;
      const again = concat(slice(whole, 0, cut), slice(whole, cut, whole.size - cut));
      assert.equal(again.identity, whole.identity);
    }),
  );
});

test("identity is stable across inline runs longer than what is joined", () => {
  const bytes = new Uint8Array(200_000).map((_, i) => i & 0xff);
  const pieces = Array.from({ length: 2000 }, (_, i) => inline(bytes.subarray(i * 100, i * 100 + 100)));
  assert.equal(concat(...pieces).identity, inline(bytes).identity);
  assert.ok(concat(...pieces).extents.length <= 4);
});

test("identity tells different content apart", () => {
  const a = blob(DIGEST, 10);
  const identities = [a, blob(DIGEST, 11), blob(DIGEST, 10, 1), zeros(10), inline(new Uint8Array(10)), zeros(11)];
  assert.equal(new Set(identities.map((one) => one.identity)).size, identities.length);
});

test("place puts parts at their offsets, in any order, with zeros between", async () => {
  const image = place(20, [
    { offset: 15, content: inline(BLOB.subarray(0, 5)) },
    { offset: 2, content: blob(DIGEST, 3, 100) },
  ]);
  const expected = new Uint8Array(20);
  expected.set(BLOB.subarray(0, 5), 15);
  expected.set(BLOB.subarray(100, 103), 2);
  same(await read(image, blobs), expected);
});

test("padTo fills up with zeros", async () => {
  const image = padTo(inline(Uint8Array.of(1, 2)), 5);
  same(await read(image, blobs), Uint8Array.of(1, 2, 0, 0, 0));
});

const REFUSED: readonly [string, () => unknown, string][] = [
  ["negative length", () => zeros(-1), "extent_invalid"],
  ["fractional length", () => zeros(1.5), "extent_invalid"],
  ["unsafe length", () => zeros(2 ** 53), "extent_invalid"],
  ["unsafe total", () => concat(zeros(2 ** 53 - 1), inline(Uint8Array.of(1))), "extent_invalid"],
  ["negative blob offset", () => blob(DIGEST, 1, -1), "extent_invalid"],
  ["blob range beyond 2^53", () => blob(DIGEST, 2, 2 ** 53 - 2), "extent_invalid"],
  ["malformed digest", () => blob("sha256:x" as typeof DIGEST, 1), "extent_invalid"],
  ["slice past the end", () => slice(zeros(4), 3, 2), "range_invalid"],
  ["slice before the start", () => slice(zeros(4), -1, 2), "range_invalid"],
  ["pad to less", () => padTo(zeros(4), 3), "range_invalid"],
  [
    "overlap",
    () =>
      place(9, [
        { offset: 0, content: zeros(3) },
        { offset: 2, content: zeros(3) },
      ]),
    "overlap",
  ],
  ["part sticks out", () => place(9, [{ offset: 7, content: zeros(3) }]), "range_invalid"],
];

for (const [name, act, code] of REFUSED) {
  test(`refused: ${name}`, () => {
    assert.throws(act, (error: unknown) => error instanceof ExtentError && error.code === code);
  });
}

test("a blob that is shorter than its extent is an error, not zeros", async () => {
  await assert.rejects(read(blob(DIGEST, 100, 950), blobs), { code: "blob_short" });
});

const EDGES = [2 ** 31, 4 * GiB - 1, 4 * GiB, 4 * GiB + 1, 16384 * GiB];

for (const edge of EDGES) {
  test(`ranges around byte ${edge} of a 32 TiB image, without holding it`, async () => {
    const marker = Uint8Array.of(1, 2, 3, 4);
    const image = place(32768 * GiB, [
      { offset: edge - 2, content: inline(marker) },
      { offset: edge + 2, content: blob(DIGEST, 4) },
    ]);
    assert.equal(image.size, 32768 * GiB);
    same(await read(image, blobs, edge - 3, 10), Uint8Array.of(0, 1, 2, 3, 4, ...BLOB.subarray(0, 4), 0));
    same(await read(image, blobs, edge - 1, 2), Uint8Array.of(2, 3));
    same(await collect(image, edge, 3), Uint8Array.of(3, 4, BLOB[0]!));
    assert.equal((await read(image, blobs, image.size - 1, 1))[0], 0);
  });
}

test("large extents stream in chunks, small ones are gathered", async () => {
  const sizes: number[] = [];
  const whole = concat(inline(BLOB), zeros(3 * CHUNK_BYTES + 5), inline(BLOB), zeros(10), blob(DIGEST, 500));
  for await (const chunk of stream(whole, blobs)) sizes.push(chunk.length);
  assert.deepEqual(sizes, [997, CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, 5, 997 + 10 + 500]);
});
