import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../../src/bytes/digest.ts";
import { inline, zeros } from "../../../src/extents/index.ts";
import { type PackedGrains, vmdkImage } from "../../../src/formats/vmdk/index.ts";
import { noise } from "../../support/recipes.ts";
import { ID } from "./support.ts";

const blob = (size: number) => ({ digest: sha256("packed"), size });
const zero = { $case: "zeros" } as const;
const deflated = { $case: "deflated", bytes: 10 } as const;

test("grains that are not described as they are counted are refused", () => {
  const disk = inline(noise(100_000));
  const rows: readonly (readonly PackedGrains[])[] = [
    [],
    [{ grains: [], packed: undefined }],
    [{ grains: [zero], packed: undefined }],
    [{ grains: [zero, zero, zero], packed: undefined }],
    [{ grains: [zero, zero], packed: blob(1) }],
    [{ grains: [deflated, zero], packed: undefined }],
    [{ grains: [deflated, deflated], packed: blob(19) }],
    [
      { grains: [zero, zero], packed: undefined },
      { grains: [], packed: undefined },
    ],
  ];
  for (const packed of rows) {
    assert.throws(() => vmdkImage(disk, packed, ID), { code: "vmdk_grains" }, JSON.stringify(packed));
  }
  assert.ok(vmdkImage(disk, [{ grains: [deflated, deflated], packed: blob(20) }], ID).size > 0);
});

test("disks that no VMDK holds are refused before any work", () => {
  for (const size of [62 * 2 ** 40 + 1, 2 ** 52]) {
    assert.throws(() => vmdkImage(zeros(size), [], ID), { code: "vmdk_too_large" });
  }
});
