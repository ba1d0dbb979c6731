import assert from "node:assert/strict";
import { test } from "node:test";
import { zeros } from "../../../src/extents/index.ts";
import { isClusterSize, qcow2Image } from "../../../src/formats/qcow2/index.ts";

test("cluster sizes qemu does not know are refused", () => {
  for (const size of [
    0,
    -512,
    1,
    256,
    511,
    513,
    1000,
    3 * 1024,
    2 ** 22,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    512.5,
  ]) {
    assert.ok(!isClusterSize(size), String(size));
    assert.throws(() => qcow2Image(zeros(1024), size), { code: "cluster_size_invalid" }, String(size));
  }
  for (let bits = 9; bits <= 21; bits++) assert.ok(isClusterSize(2 ** bits));
});

test("a disk whose L1 table qemu would not open is refused before any work", () => {
  const atMost = 2 ** 22 * 64 * 512;
  assert.equal(qcow2Image(zeros(atMost), 512).size % 512, 0);
  for (const size of [atMost + 1, 2 ** 50]) {
    assert.throws(() => qcow2Image(zeros(size), 512), { code: "table_too_large" });
  }
});
