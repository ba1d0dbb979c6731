import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { superblock } from "../../../src/formats/squashfs/layout.ts";
import { build, noise, open, treeOf, WIDE } from "./support.ts";

const SAMPLE = await build(
  [
    { $case: "file", path: "a/big", bytes: noise(9000) },
    { $case: "file", path: "a/small", bytes: Buffer.from("small") },
    { $case: "file", path: "a/b/c/deep", bytes: Buffer.from("deep") },
    { $case: "symlink", path: "l", target: "a" },
  ],
  { blockSize: 4096 },
);
const HEAD = superblock.decode(SAMPLE);

/** The sample with fields of its superblock replaced. */
function patched(fields: Partial<typeof HEAD>): Buffer {
  const out = Buffer.from(SAMPLE);
  out.set(superblock.encode({ ...HEAD, ...fields }));
  return out;
}

const MALFORMED: [name: string, image: Uint8Array][] = [
  ["nothing", new Uint8Array()],
  ["an end within the superblock", SAMPLE.subarray(0, 95)],
  ["other magic", Buffer.concat([Buffer.from("sqsh"), SAMPLE.subarray(4)])],
  ["another version", Buffer.concat([SAMPLE.subarray(0, 28), Buffer.from([3]), SAMPLE.subarray(29)])],
  ["a compressor we do not read", patched({ compression: 1 })],
  ["a block size that is none", patched({ blockSize: 4097 })],
  ["a block size and log that differ", patched({ blockLog: 13 })],
  ["huge blocks", patched({ blockSize: 2 ** 30, blockLog: 30 })],
  ["an inode table outside", patched({ inodeTable: SAMPLE.length })],
  ["an inode table far outside", patched({ inodeTable: 2 ** 52 })],
  ["a root outside its block", patched({ rootInode: 9000 })],
  ["a directory table elsewhere", patched({ directoryTable: 96 })],
  ["no fragments", patched({ fragments: 0 })],
  ["a fragment table elsewhere", patched({ fragmentTable: 0 })],
  ["an end within the tables", SAMPLE.subarray(0, HEAD.directoryTable + 3)],
];

describe("openSquashfs refuses", () => {
  for (const [name, image] of MALFORMED) {
    it(name, () => assert.rejects(treeOf(image), { code: "image_malformed", message: /^squashfs: / }));
  }

  it("what is over a limit", async () => {
    const walk = async (limits: typeof WIDE) => {
      for await (const _ of (await open(SAMPLE, limits)).walk(""));
    };
    await walk({ maxEntries: 7, maxDepth: 3, maxFileBytes: 9000 });
    await assert.rejects(walk({ ...WIDE, maxEntries: 6 }), { code: "limit_exceeded" });
    await assert.rejects(walk({ ...WIDE, maxDepth: 2 }), { code: "limit_exceeded" });
    await assert.rejects(walk({ ...WIDE, maxFileBytes: 8999 }), { code: "limit_exceeded" });
  });

  it("damage anywhere with its own error, or reads on", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: HEAD.bytesUsed - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const image = Buffer.from(SAMPLE);
          image[at]! ^= flip;
          try {
            await treeOf(image);
          } catch (thrown) {
            assert.match(
              String((thrown as { code?: string }).code),
              /^(image_malformed|limit_exceeded)$/,
              String(thrown),
            );
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
