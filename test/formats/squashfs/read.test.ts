import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { contents } from "../../support/tree-on-disk.ts";
import { build, CODEC, type Item, MTIME, noise, open, treeOf, WIDE } from "./support.ts";

const BLOCK = 4096;
const SIZES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 5];

const name = fc
  .string({ minLength: 1, maxLength: 6, unit: "grapheme" })
  .filter((text) => !/[/\0]|^\.{1,2}$/.test(text));
const mode = fc.integer({ min: 0, max: 0o7777 });
const bytes = fc
  .tuple(fc.constantFrom(...SIZES), fc.constantFrom("zeros", "noise", "text"), fc.integer({ min: 1, max: 3 }))
  .map(([size, kind, seed]) => {
    if (kind === "noise") return noise(size, seed);
    return kind === "zeros" ? new Uint8Array(size) : Buffer.alloc(size, `text ${seed} `);
  });
const leaf = fc.oneof(
  fc.record({ $case: fc.constant("file" as const), mode, bytes }),
  fc.record({ $case: fc.constant("symlink" as const), target: name }),
  fc.record({ $case: fc.constant("directory" as const), mode }),
);
/** Leaves in directories named so that no leaf's path is a parent of another one. */
const items: fc.Arbitrary<Item[]> = fc
  .uniqueArray(fc.tuple(fc.array(fc.constantFrom("d1", "d2", "é"), { maxLength: 3 }), name, leaf), {
    selector: ([dirs, last]) => [...dirs, last].join("/"),
    maxLength: 25,
  })
  .map((rows) => rows.map(([dirs, last, rest]) => ({ path: [...dirs, `${last}!`].join("/"), ...rest })));

function expected(list: readonly Item[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const item of list) {
    const parts = item.path.split("/");
    for (let i = 1; i < parts.length; i++) out.set(parts.slice(0, i).join("/"), "directory 755 ");
  }
  for (const item of list) {
    const octal = (item.mode ?? 0o777).toString(8);
    if (item.$case === "file") out.set(item.path, `file ${octal} ${contents(item.bytes)}`);
    else out.set(item.path, `${item.$case} ${octal} ${item.$case === "symlink" ? item.target : ""}`);
  }
  return out;
}

describe("openSquashfs", () => {
  it("gives back any tree that was written", async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.integer({ min: 1, max: 3 * BLOCK }), async (list, chunk) => {
        const image = await build(list, { blockSize: BLOCK, chunk, compression: { $case: "zstd", level: 1 } });
        assert.deepEqual(new Map([...(await treeOf(image))].sort()), new Map([...expected(list)].sort()));
      }),
      { numRuns: 40 },
    );
  });

  it("reads xz images", async () => {
    const list: Item[] = SIZES.map((size, i) => ({ $case: "file", path: `f${i}`, mode: 0o644, bytes: noise(size) }));
    const image = await build(list, { blockSize: BLOCK, compression: { $case: "xz" } });
    assert.equal((await open(image)).info.compression, "xz");
    assert.deepEqual(await treeOf(image), expected(list));
  });

  it("reads listings with many headers and an index", async () => {
    const list: Item[] = Array.from({ length: 3000 }, (_, i) => ({
      $case: "file",
      path: `dir/${String(i).padStart(6, "0")}-${"n".repeat(30)}`,
      bytes: Buffer.from(String(i)),
    }));
    const reader = await open(await build(list));
    assert.equal(reader.info.inodes, 3002);
    for (const i of [0, 1, 255, 256, 2999]) {
      const node = await reader.lookup(list[i]!.path);
      assert.equal(node?.$case === "file" && node.size, String(i).length);
    }
  });

  it("tells times, modes and sizes, and finds nothing where nothing is", async () => {
    const image = await build([{ $case: "file", path: "a/f", mode: 0o4711, bytes: noise(5000) }], { blockSize: BLOCK });
    const reader = await open(image);
    const { bytesUsed, ...info } = reader.info;
    assert.deepEqual(info, { compression: "zstd", blockSize: BLOCK, inodes: 3, mtime: MTIME });
    assert.ok(bytesUsed <= image.length);
    const node = await reader.lookup("a/f");
    assert.ok(node?.$case === "file");
    assert.deepEqual([node.mode, node.mtime, node.size], [0o4711, MTIME, 5000]);
    for (const missing of ["b", "a/g", "a/f/x"]) assert.equal(await reader.lookup(missing), undefined);
    await assert.rejects(reader.walk("a/f").next(), { code: "entry_missing" });
  });

  it("reads devices, links and nodes with attributes", async () => {
    const xattrs = { "security.selinux": "system_u:object_r:x_t:s0", "user.a": "1" };
    const image = await build([
      { $case: "directory", path: "d", mode: 0o755, xattrs },
      { $case: "file", path: "d/f", xattrs, bytes: Buffer.from("body") },
      { $case: "symlink", path: "d/l", target: "f", xattrs },
      { $case: "link", path: "g", existing: "d/f" },
      { $case: "special", path: "null", mode: 0o666, special: { $case: "char", major: 1, minor: 3 } },
      { $case: "special", path: "pipe", mode: 0o600, xattrs, special: { $case: "fifo" } },
      { $case: "special", path: "sock", mode: 0o600, special: { $case: "socket" } },
      { $case: "special", path: "disk", mode: 0o660, special: { $case: "block", major: 259, minor: 70000 } },
    ]);
    assert.deepEqual(Object.fromEntries(await treeOf(image)), {
      d: "directory 755 ",
      disk: "special 660 ",
      g: "file 644 body",
      null: "special 666 ",
      pipe: "special 600 ",
      sock: "special 600 ",
      "d/f": "file 644 body",
      "d/l": "symlink 777 f",
    });
    const reader = await open(image, WIDE, CODEC);
    assert.equal((await reader.lookup("g"))?.number, (await reader.lookup("d/f"))?.number);
  });
});
