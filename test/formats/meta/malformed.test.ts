import assert from "node:assert/strict";
import { test } from "node:test";
import { digestBytes, sha256 } from "../../../src/bytes/digest.ts";
import { read } from "../../../src/extents/index.ts";
import { MetaError, type MetaErrorCode, metaPartition, readMeta } from "../../../src/formats/meta/index.ts";
import { metaCopy, recordHead } from "../../../src/formats/meta/layout.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

function refuses(body: () => unknown, code: MetaErrorCode, what: string): void {
  assert.throws(body, (error: unknown) => error instanceof MetaError && error.code === code, what);
}

test("tags outside 1..255 are refused", () => {
  for (const tag of [0, -1, 256, 1.5, Number.NaN]) {
    refuses(() => metaPartition([{ tag, value: "" }]), "tag_invalid", `tag ${tag}`);
  }
});

test("values that do not fit are refused, one byte earlier they do", () => {
  refuses(() => metaPartition([{ tag: 10, value: "a".repeat(262_097) }]), "values_too_large", "one value");
  const two = [10, 11].map((tag) => ({ tag, value: new Uint8Array(131_045) }));
  refuses(() => metaPartition(two), "values_too_large", "two values");
  metaPartition(two.map(({ tag, value }) => ({ tag, value: value.subarray(1) })));
});

/** A partition whose copies hold these records and a valid checksum. */
function sealed(records: Uint8Array): Uint8Array {
  const blank = metaCopy.encode({ records, checksum: new Uint8Array(32) });
  const copy = metaCopy.encode({ records, checksum: digestBytes(sha256(blank)) });
  const partition = new Uint8Array(1024 * 1024);
  partition.set(copy);
  partition.set(copy, copy.length);
  return partition;
}

test("damaged partitions are refused", async () => {
  const records = new Uint8Array(262_104);
  records.set(recordHead.encode({ tag: 10, length: 262_097 }));
  refuses(() => readMeta(sealed(records)), "meta_damaged", "value beyond the end");
  records.set(recordHead.encode({ tag: 256, length: 0 }));
  refuses(() => readMeta(sealed(records)), "meta_damaged", "tag beyond 8 bits");
  refuses(() => readMeta(new Uint8Array(1024 * 1024)), "meta_damaged", "zeros");
  refuses(() => readMeta(new Uint8Array(10)), "meta_damaged", "short");
  const bytes = await read(metaPartition([{ tag: 1, value: "a" }]), NO_BLOBS);
  for (const at of [0, 12, 262_108, 262_143]) {
    const bad = bytes.slice();
    bad[at]! ^= 1;
    bad[at + 262_144]! ^= 1;
    refuses(() => readMeta(bad), "meta_damaged", `byte ${at}`);
  }
});
