import assert from "node:assert/strict";
import { test } from "node:test";
import { biosCore, eltoritoImage, embeddedCore, mbrBootCode } from "../../../src/formats/grub/index.ts";
import { decompressor, folder, STORED } from "./support.ts";

const CONTENT = { modules: ["chain"], prefix: "(hd0,gpt3)/grub" };

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value, i * 4);
  return bytes;
}

/** What the kernel of `support.ts` and this content look like in memory. */
function payload(config?: string): Buffer {
  const parts = [
    Buffer.concat([u32(0, 8 + 12), Buffer.from("link module\0")]),
    Buffer.concat([u32(0, 8 + 8), Buffer.from("chain\0\0\0")]),
    ...(config ? [Buffer.concat([u32(2, 8 + 8), Buffer.from(`${config}\0`.padEnd(8, "\0"))])] : []),
    Buffer.concat([u32(3, 8 + 16), Buffer.from("(hd0,gpt3)/grub\0")]),
  ];
  const area = Buffer.concat(parts);
  return Buffer.concat([Buffer.from("code!!\0\0data"), u32(0x676d696d, 12, 12 + area.length), area]);
}

for (const config of [undefined, "set a=1"]) {
  test(`a core image ${config ? "with" : "without"} a configuration`, async () => {
    const core = Buffer.from(
      await biosCore(folder(), { ...CONTENT, ...(config ? { config: Buffer.from(config) } : {}) }, STORED),
    );
    const expected = payload(config);
    const stage = decompressor();
    stage.writeUInt32LE(expected.length + 2, 8);
    stage.writeUInt32LE(expected.length, 12);
    assert.deepEqual(core.subarray(512), Buffer.concat([stage, Buffer.from("<>"), expected]));
    assert.equal(core.readUInt16LE(0x1fc), 1);
    assert.equal(core.readBigUInt64LE(0x1f4), 2n);
    assert.equal(core.readUInt16LE(0x1fe), 0x820);
  });
}

test("the number of sectors to load is rounded up and leaves the first one out", async () => {
  const size = 512 * 3 - decompressor().length - 2;
  for (const [length, sectors] of [
    [size, 3],
    [size + 1, 4],
  ] as const) {
    const core = await biosCore(folder(), CONTENT, { lzma1: async () => Buffer.alloc(length + 2) });
    assert.equal(Buffer.from(core).readUInt16LE(0x1fc), sectors);
  }
});

test("an El Torito image is the CD boot sector and a core image", async () => {
  const [image, core] = [await eltoritoImage(folder(), CONTENT, STORED), await biosCore(folder(), CONTENT, STORED)];
  assert.deepEqual(Buffer.from(image), Buffer.concat([Buffer.alloc(2048, 0xcd), core]));
});

test("boot code and core image for a disk", async () => {
  const lba = 2 ** 33 + 5;
  const boot = Buffer.alloc(512, 0xb0);
  const code = Buffer.from(mbrBootCode(boot, lba));
  assert.equal(code.length, 446);
  const expected = Buffer.alloc(446, 0xb0);
  expected.writeBigUInt64LE(BigInt(lba), 0x5c);
  expected.writeUInt16LE(0x9090, 0x66);
  assert.deepEqual(code, expected);

  const core = Buffer.from(await biosCore(folder(), CONTENT, STORED));
  const embedded = Buffer.from(embeddedCore(core, lba, core.length));
  const changed = Buffer.from(core);
  changed.writeBigUInt64LE(BigInt(lba + 1), 0x1f4);
  assert.deepEqual(embedded, changed);
});
