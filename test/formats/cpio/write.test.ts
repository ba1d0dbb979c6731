import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Digest } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { blob, inline, zeros } from "../../../src/extents/index.ts";
import { type CpioEntry, cpioArchive, readCpio } from "../../../src/formats/cpio/index.ts";
import { collect, WIDE } from "./support.ts";

const file = (path: string, text: string, rest: { mode?: number; mtime?: number } = {}): CpioEntry => ({
  $case: "file",
  path,
  mode: 0o644,
  mtime: 1,
  body: inline(utf8(text)),
  ...rest,
});

/** Header fields after the magic, in file order (kernel: early-userspace/buffer-format.rst). */
const VECTORS: { name: string; entry: CpioEntry; firstInode?: number; hex: string; tail: string }[] = [
  {
    name: "file with padding",
    entry: file("a", "hello"),
    hex: "00000000 000081A4 00000000 00000000 00000001 00000001 00000005 00000000 00000000 00000000 00000000 00000002 00000000",
    tail: "a\0hello\0\0\0",
  },
  {
    name: "directory",
    entry: { $case: "directory", path: "usr/lib", mode: 0o755, mtime: 1559424892 },
    firstInode: 0xabc,
    hex: "00000ABC 000041ED 00000000 00000000 00000002 5CF2EF7C 00000000 00000000 00000000 00000000 00000000 00000008 00000000",
    tail: "usr/lib\0\0\0",
  },
  {
    name: "symlink",
    entry: { $case: "symlink", path: "l", mode: 0o777, mtime: 0, target: "/x" },
    hex: "00000000 0000A1FF 00000000 00000000 00000001 00000000 00000002 00000000 00000000 00000000 00000000 00000002 00000000",
    tail: "l\0/x\0\0",
  },
  {
    name: "name counted in UTF-8 bytes",
    entry: file("é", ""),
    hex: "00000000 000081A4 00000000 00000000 00000001 00000001 00000000 00000000 00000000 00000000 00000000 00000003 00000000",
    tail: "\u00c3\u00a9\0\0\0\0",
  },
];
const TRAILER = `070701${"0".repeat(32)}00000001${"0".repeat(48)}0000000B00000000TRAILER!!!\0\0\0\0`;

describe("cpioArchive", () => {
  for (const { name, entry, firstInode, hex, tail } of VECTORS) {
    it(`writes ${name}`, async () => {
      const bytes = await collect(cpioArchive([entry], firstInode === undefined ? {} : { firstInode }));
      const expected = `070701${hex.replaceAll(" ", "")}${tail}${TRAILER}`;
      assert.equal(bytes.toString("latin1").replace(/\0+$/, ""), expected.replace(/\0+$/, ""));
      assert.equal(bytes.length, 512);
    });
  }

  it("counts the directories in a directory as links to it, as GNU cpio 2.13 does", async () => {
    const folder = (path: string): CpioEntry => ({ $case: "directory", path, mode: 0o755, mtime: 0 });
    const entries = [folder("a"), folder("a/b"), folder("a/b/c"), file("a/b/f", ""), folder("a/d"), folder("b")];
    const links: (readonly [string, number])[] = [];
    const source = (async function* () {
      yield await collect(cpioArchive(entries));
    })();
    for await (const { path, nlink } of readCpio(source, WIDE)) links.push([path, nlink]);
    assert.deepEqual(Object.fromEntries(links), { a: 4, "a/b": 3, "a/b/c": 2, "a/b/f": 1, "a/d": 2, b: 2 });
  });

  it("is a trailer and zeros without entries", async () => {
    const bytes = await collect(cpioArchive([]));
    assert.equal(bytes.length, 512);
    assert.equal(bytes.subarray(0, TRAILER.length).toString("latin1"), TRAILER);
  });

  it("numbers inodes in archive order from firstInode", async () => {
    const text = (await collect(cpioArchive([file("a", ""), file("b", "")], { firstInode: 15 }))).toString("latin1");
    assert.deepEqual(
      [...text.matchAll(/070701(.{8})/g)].map((m) => m[1]),
      ["0000000F", "00000010", "00000000"],
    );
  });

  it("keeps bodies as they are, never reading them", () => {
    const digest = `sha256:${"ab".repeat(32)}` as Digest;
    const archive = cpioArchive([
      { $case: "file", path: "big", mode: 0o644, mtime: 0, body: blob(digest, 2 ** 32 - 1) },
    ]);
    assert.equal(archive.size, Math.ceil((112 + 4 + 2 ** 32 - 1 + 1 + 124) / 512) * 512);
    assert.ok(archive.extents.some((extent) => extent.$case === "blob" && extent.length === 2 ** 32 - 1));
  });

  it("pads to 512 bytes at every length", async () => {
    for (let size = 0; size <= 520; size += 13) {
      const archive = cpioArchive([{ $case: "file", path: "f", mode: 0, mtime: 0, body: zeros(size) }]);
      assert.equal(archive.size % 512, 0);
    }
  });
});

describe("cpioArchive refuses", () => {
  const refused: [name: string, entry: CpioEntry, message: RegExp][] = [
    ["an empty path", file("", ""), /is empty/],
    ["an absolute path", file("/a", ""), /absolute/],
    ["a trailing slash", file("a/", ""), /empty part/],
    ["a dot part", file("./a", ""), /"\." part/],
    ["a parent part", file("a/../b", ""), /"\.\." part/],
    ["a NUL", file("a\0b", ""), /contains a NUL/],
    ["the trailer's name", file("TRAILER!!!", ""), /ends an archive/],
    ["a lone surrogate", file("a\ud800", ""), /well-formed/],
    ["a name over PATH_MAX", file("é".repeat(2048), ""), /takes 4096 bytes/],
    ["mode with type bits", file("a", "", { mode: 0o100644 }), /mode of "a"/],
    ["a negative mtime", file("a", "", { mtime: -1 }), /mtime of "a"/],
    ["an mtime beyond 2106", file("a", "", { mtime: 2 ** 32 }), /mtime of "a"/],
    ["a body of 4 GiB", { $case: "file", path: "a", mode: 0, mtime: 0, body: zeros(2 ** 32) }, /below 4 GiB/],
    ["an empty target", { $case: "symlink", path: "a", mode: 0, mtime: 0, target: "" }, /target of "a" is empty/],
    ["a long target", { $case: "symlink", path: "a", mode: 0, mtime: 0, target: "x".repeat(4096) }, /4096 bytes/],
  ];
  for (const [name, entry, message] of refused) {
    it(name, () => assert.throws(() => cpioArchive([entry]), { code: "entry_invalid", message }));
  }

  it("a path listed twice", () => {
    assert.throws(() => cpioArchive([file("a", ""), file("a", "x")]), { code: "entry_duplicate", message: /"a"/ });
  });

  it("inode numbers beyond 32 bits", () => {
    assert.throws(() => cpioArchive([file("a", "")], { firstInode: 2 ** 32 - 1 }), { code: "entry_invalid" });
    assert.throws(() => cpioArchive([], { firstInode: 0.5 }), { code: "entry_invalid" });
  });

  it("nothing at the limits", () => {
    const longest = file("é".repeat(2047), "", { mode: 0o7777, mtime: 2 ** 32 - 1 });
    assert.doesNotThrow(() => cpioArchive([longest], { firstInode: 2 ** 32 - 2 }));
  });
});
