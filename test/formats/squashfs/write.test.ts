import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Codec } from "../../../src/formats/codec.ts";
import { SquashfsWriter } from "../../../src/formats/squashfs/index.ts";
import { superblock } from "../../../src/formats/squashfs/layout.ts";
import { add, build, CODEC, type Item, MTIME, noise, treeOf } from "./support.ts";

const BLOCK = 4096;
const file = (path: string, bytes: Uint8Array | string): Item => ({ $case: "file", path, bytes: Buffer.from(bytes) });
const mixed: Item[] = [
  { $case: "directory", path: "", mode: 0o750 },
  file("usr/lib/big", noise(5 * BLOCK + 17)),
  file("usr/lib/text", "line\n".repeat(9000)),
  file("usr/lib/small", "small"),
  file("etc/empty", ""),
  file(
    "etc/holes",
    Buffer.concat([Buffer.alloc(2 * BLOCK), noise(100), Buffer.alloc(3 * BLOCK - 100), Buffer.alloc(5)]),
  ),
  { $case: "symlink", path: "etc/link", target: "../usr/lib/small" },
  { $case: "directory", path: "usr", mode: 0o1777 },
];

describe("SquashfsWriter", () => {
  it("says in the superblock what mksquashfs says by default", async () => {
    const image = await build(mixed, { compression: { $case: "zstd", level: 18 } });
    const head = superblock.decode(image);
    // duplicates, exportable, compressor options: flags 0x4c0 of an image by mksquashfs 4.7.5 -comp zstd -Xcompression-level 18.
    assert.equal(head.flags, 0x4c0);
    assert.equal(head.magic, 0x73717368);
    assert.equal(head.blockSize, 131072);
    assert.equal(head.blockLog, 17);
    assert.equal(head.compression, 6);
    assert.equal(head.mkfsTime, MTIME);
    assert.equal(head.inodes, 10);
    assert.equal(head.ids, 1);
    assert.equal(head.xattrTable, 2n ** 64n - 1n);
    assert.equal(image.length % 4096, 0);
    assert.ok(image.length - head.bytesUsed < 4096);
    assert.equal(image.subarray(96, 102).toString("hex"), "048012000000");
  });

  it("leaves out the options of zstd level 15", async () => {
    const head = superblock.decode(await build(mixed, { compression: { $case: "zstd", level: 15 } }));
    assert.equal(head.flags, 0xc0);
  });

  it("gives the same bytes for any concurrency and any chunking", async () => {
    const [first, ...others] = await Promise.all([
      build(mixed, { blockSize: BLOCK, concurrency: 1 }),
      build(mixed, { blockSize: BLOCK, concurrency: 7, chunk: 1000 }),
      build(mixed, { blockSize: BLOCK, chunk: 4096 }),
    ]);
    for (const other of others) assert.ok(other.equals(first!));
  });

  it("keeps order when blocks finish out of order, and no more under way than asked for", async () => {
    let running = 0;
    let most = 0;
    const zstd = async (...args: Parameters<typeof CODEC.zstd>) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, (args[0][0] ?? 0) % 5));
      running--;
      return CODEC.zstd(...args);
    };
    const slow = await build(mixed, { blockSize: BLOCK, concurrency: 3, codec: { zstd } as Codec });
    assert.ok(slow.equals(await build(mixed, { blockSize: BLOCK })));
    assert.equal(most, 3);
  });

  it("stores equal files once", async () => {
    const one = await build([file("a", noise(3 * BLOCK + 1)), file("s", "tiny")], { blockSize: BLOCK });
    const more = await build(
      [file("a", noise(3 * BLOCK + 1)), file("b", noise(3 * BLOCK + 1)), file("s", "tiny"), file("t", "tiny")],
      { blockSize: BLOCK },
    );
    assert.equal(superblock.decode(more).inodeTable, superblock.decode(one).inodeTable);
    const tree = await treeOf(more);
    assert.equal(tree.get("b"), tree.get("a"));
    assert.equal(tree.get("t"), "file 644 tiny");
  });

  it("tells files of equal size apart", async () => {
    const tree = await treeOf(
      await build([file("a", noise(BLOCK, 1)), file("b", noise(BLOCK, 2))], { blockSize: BLOCK }),
    );
    assert.notEqual(tree.get("a"), tree.get("b"));
  });

  it("writes an image without any entry", async () => {
    const image = await build([]);
    assert.equal(superblock.decode(image).inodes, 1);
    assert.equal((await treeOf(image)).size, 0);
  });

  it("makes missing parents, which may be declared later", async () => {
    const items: Item[] = [file("a/b/c", "x"), { $case: "directory", path: "a", mode: 0o700 }];
    assert.deepEqual(
      await treeOf(await build(items)),
      new Map([
        ["a", "directory 700 "],
        ["a/b", "directory 755 "],
        ["a/b/c", "file 644 x"],
      ]),
    );
  });
});

describe("SquashfsWriter refuses", () => {
  const make = (options: object = {}) =>
    new SquashfsWriter({
      codec: CODEC,
      compression: { $case: "zstd", level: 1 },
      mtime: 0,
      emit: async () => undefined,
      ...options,
    });
  const options: [name: string, options: object][] = [
    ["a block size that is no power of two", { blockSize: 5000 }],
    ["small blocks", { blockSize: 2048 }],
    ["large blocks", { blockSize: 2 ** 21 }],
    ["a time beyond 2106", { mtime: 2 ** 32 }],
    ["a fractional time", { mtime: 0.5 }],
    ["no concurrency", { concurrency: 0 }],
    ["zstd level 0", { compression: { $case: "zstd", level: 0 } }],
    ["zstd level 20", { compression: { $case: "zstd", level: 20 } }],
  ];
  for (const [name, bad] of options) it(name, () => assert.throws(() => make(bad), { code: "option_invalid" }));

  const entries: [name: string, items: Item[], code: string, message: RegExp][] = [
    ["an absolute path", [file("/a", "")], "entry_invalid", /absolute/],
    ["an empty path", [file("", "")], "entry_invalid", /empty part/],
    ["a parent part", [file("a/../b", "")], "entry_invalid", /"\.\." part/],
    ["a NUL", [file("a\0", "")], "entry_invalid", /NUL/],
    ["a long name", [file("é".repeat(128), "")], "entry_invalid", /255/],
    ["a long path", [file(`${"a/".repeat(2048)}b`, "")], "entry_invalid", /4095/],
    ["a lone surrogate", [file("\ud800", "")], "entry_invalid", /Unicode/],
    ["a path twice", [file("a", ""), file("a", "")], "entry_duplicate", /"a"/],
    ["a file where a directory is", [file("a/b", ""), file("a", "")], "entry_duplicate", /"a"/],
    [
      "a directory twice",
      [
        { $case: "directory", path: "d" },
        { $case: "directory", path: "d" },
      ],
      "entry_duplicate",
      /"d"/,
    ],
    [
      "the root twice",
      [
        { $case: "directory", path: "" },
        { $case: "directory", path: "" },
      ],
      "entry_duplicate",
      /""/,
    ],
    ["a directory where a file is", [file("a", ""), { $case: "directory", path: "a" }], "entry_duplicate", /"a"/],
    ["a path below a file", [file("a", ""), file("a/b", "")], "entry_invalid", /no directory/],
    ["type bits in the mode", [{ ...file("a", ""), mode: 0o100644 }], "entry_invalid", /mode of "a"/],
    ["an empty target", [{ $case: "symlink", path: "l", target: "" }], "entry_invalid", /target of "l"/],
    ["a long target", [{ $case: "symlink", path: "l", target: "x".repeat(4096) }], "entry_invalid", /4095/],
    ["a link to nothing", [{ $case: "link", path: "l", existing: "x" }], "entry_missing", /"x"/],
    [
      "a link to a directory",
      [file("d/f", ""), { $case: "link", path: "l", existing: "d" }],
      "entry_invalid",
      /directory/,
    ],
    [
      "a huge minor",
      [{ $case: "special", path: "c", special: { $case: "char", major: 1, minor: 2 ** 20 } }],
      "entry_invalid",
      /minor/,
    ],
    [
      "a system attribute",
      [{ ...file("a", ""), xattrs: { "system.posix_acl_access": "x" } }],
      "entry_invalid",
      /namespace/,
    ],
    ["a nameless attribute", [{ ...file("a", ""), xattrs: { "user.": "x" } }], "entry_invalid", /no name/],
    ["a huge attribute", [{ ...file("a", ""), xattrs: { "user.a": "x".repeat(65537) } }], "entry_invalid", /65537/],
  ];
  for (const [name, items, code, message] of entries) {
    it(name, () => assert.rejects(build(items), { code, message }));
  }

  it("bodies that are not as long as announced", async () => {
    const body = async function* () {
      yield noise(10);
    };
    for (const [size, message] of [
      [9, /more than the 9/],
      [11, /10 of the 11/],
      [0, /more than the 0/],
      [2 ** 30, /10 of/],
    ] as const) {
      await assert.rejects(make().addFile("f", { mode: 0 }, body(), size), { code: "size_mismatch", message });
    }
    await assert.rejects(make().addFile("f", { mode: 0 }, body(), -1), {
      code: "entry_invalid",
      message: /size of "f"/,
    });
  });

  it("further calls after a failure, after finish, and before the last one is done", async () => {
    const failed = make();
    await assert.rejects(failed.addSymlink("l", ""), { code: "entry_invalid" });
    await assert.rejects(failed.finish(), { code: "writer_state" });
    const finished = make();
    await finished.finish();
    await assert.rejects(add(finished, file("a", "")), { code: "writer_state", message: /closed/ });
    const busy = make();
    const [, second] = await Promise.allSettled([add(busy, file("a", "x")), add(busy, file("b", "x"))]);
    assert.equal(second.status, "rejected");
  });

  it("what the codec or the sink cannot do, with their own errors", async () => {
    const zstd: Codec["zstd"] = () => Promise.reject(new Error("codec broke"));
    await assert.rejects(build(mixed, { codec: { zstd } as Codec, blockSize: BLOCK }), /codec broke/);
    const emit = () => Promise.reject(new Error("disk full"));
    await assert.rejects(add(make({ emit }), file("a", noise(300_000))), /disk full/);
  });
});
