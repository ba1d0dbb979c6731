import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FileData } from "../../../src/formats/squashfs/data.ts";
import { encodeLeaf, type InodeCommon } from "../../../src/formats/squashfs/inode.ts";
import { extendedFileInode, fileInode, inodeHeader, NONE } from "../../../src/formats/squashfs/layout.ts";

const COMMON: InodeCommon = { mode: 0o644, mtime: 1, number: 7, links: 1, xattr: NONE };
const DATA: FileData = { size: 5, start: 96, blocks: [5], sparse: 0, fragment: undefined };

/** Sizes and places no test can have the bytes for. */
const CASES: [name: string, common: Partial<InodeCommon>, data: Partial<FileData>, type: number][] = [
  ["a small file", {}, {}, 2],
  ["the largest basic file", {}, { size: 2 ** 32 - 1, start: 2 ** 32 - 1 }, 2],
  ["4 GiB", {}, { size: 2 ** 32 }, 9],
  ["a start at 4 GiB", {}, { start: 2 ** 32 }, 9],
  ["a start and size near 2^53", {}, { size: 2 ** 53 - 1, start: 2 ** 53 - 1 }, 9],
  ["holes", {}, { sparse: 4096 }, 9],
  ["two names", { links: 2 }, {}, 9],
  ["attributes", { xattr: 0 }, {}, 9],
];

describe("file inodes", () => {
  for (const [name, common, data, type] of CASES) {
    it(`of type ${type} for ${name}`, () => {
      const all = { ...COMMON, ...common };
      const file = { ...DATA, ...data };
      const bytes = encodeLeaf(all, { $case: "file", attributes: { mode: 0o644 }, data: file });
      assert.equal(inodeHeader.decode(bytes).type, type);
      if (type === 2) {
        const { start, size, fragment } = fileInode.decode(bytes, inodeHeader.size);
        assert.deepEqual([start, size, fragment], [file.start, file.size, NONE]);
        return;
      }
      const { start, size, sparse, links, xattr } = extendedFileInode.decode(bytes, inodeHeader.size);
      assert.deepEqual([start, size, sparse, links, xattr], [file.start, file.size, file.sparse, all.links, all.xattr]);
    });
  }

  it("of devices with the kernel's 32-bit number", () => {
    const special = { $case: "char", major: 0xabc, minor: 0x12345, attributes: { mode: 0o600 } } as const;
    // minor & 0xff | major << 8 | (minor & ~0xff) << 12, little-endian.
    assert.equal(Buffer.from(encodeLeaf(COMMON, special)).toString("hex").slice(-8), "45bc3a12");
  });
});
