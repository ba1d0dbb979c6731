import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MbrError,
  type MbrErrorCode,
  masterBoot,
  masterBootRecord,
  protectiveMbr,
} from "../../../src/formats/mbr/index.ts";

const ISO_GEOMETRY = { heads: 64, sectorsPerTrack: 32 };

function tail(sector: Uint8Array): string {
  return Buffer.from(sector.subarray(446)).toString("hex");
}

test("a protective MBR covers the disk", () => {
  // 1246 MiB with 512-byte sectors, as the reference writes it.
  assert.equal(tail(protectiveMbr(2_551_807)), `00000200eeffffff01000000ffef2600${"00".repeat(48)}55aa`);
  assert.equal(masterBootRecord.decode(protectiveMbr(2 ** 35 - 1)).partitions[0]!.sectors, 0xffffffff);
});

test("boot code stays in front of the slots", () => {
  const code = new Uint8Array(446).fill(0x90);
  assert.deepEqual(protectiveMbr(100, code).subarray(0, 446), code);
});

/** Partitions and the bytes xorriso 1.5.4 writes for them (64 heads, 32 sectors). */
const PLAIN: readonly (readonly [readonly (readonly [number, number, number])[], string])[] = [
  [
    [
      [0x83, 64, 128_960],
      [0xef, 129_024, 151_552],
    ],
    "00020100833f203e40000000c0f70100" + "0000013fef3f208800f8010000500200",
  ],
  [
    [
      [0x83, 64, 1984],
      [0xef, 2048, 2_457_600],
    ],
    "00020100833f200040000000c0070000" + "00000101ef3fe0ff0008000000802500",
  ],
];

test("plain partitions with their CHS addresses", () => {
  for (const [partitions, hex] of PLAIN) {
    const sector = masterBoot(
      partitions.map(([type, firstLba, sectors]) => ({ type, firstLba, sectors })),
      ISO_GEOMETRY,
    );
    assert.equal(tail(sector), `${hex}${"00".repeat(32)}55aa`);
    assert.ok(sector.subarray(0, 446).every((byte) => byte === 0));
  }
});

function refuses(body: () => unknown, code: MbrErrorCode): void {
  assert.throws(body, (error: unknown) => error instanceof MbrError && error.code === code);
}

test("what a master boot record cannot hold is refused", () => {
  refuses(() => protectiveMbr(100, new Uint8Array(447)), "boot_code_size");
  const one = { type: 0x83, firstLba: 1, sectors: 1 };
  refuses(() => masterBoot([one, one, one, one, one], ISO_GEOMETRY), "partition_invalid");
  for (const bad of [{ firstLba: 0 }, { sectors: 0 }, { sectors: 2 ** 32 }, { firstLba: 0.5 }, { sectors: -1 }]) {
    refuses(() => masterBoot([{ ...one, ...bad }], ISO_GEOMETRY), "partition_invalid");
  }
});
