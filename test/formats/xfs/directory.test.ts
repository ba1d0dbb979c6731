import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../src/bytes/text.ts";
import { Directory, FILE_TYPE, LEAF_OFFSET } from "../../../src/formats/xfs/directory.ts";
import { XfsError } from "../../../src/formats/xfs/index.ts";

/** A directory with `count` names of 12 bytes, and the blocks of its file it asked for. */
function filled(count: number, room: number): { readonly directory: Directory; readonly taken: readonly number[] } {
  const taken: number[] = [];
  const directory = new Directory({ inode: 131, parent: 128 }, (offset) => taken.push(offset), "/d/");
  for (let i = 0; i < count; i++) {
    const name = utf8(`module-${String(i).padStart(5, "0")}`);
    directory.add({ name, inode: 200 + i, type: FILE_TYPE.file }, room);
  }
  return { directory, taken };
}

/** Entries, bytes in the inode; form, blocks taken, size, changes of the inode. */
const GROWTH: readonly (readonly [number, number, string, readonly number[], number, number])[] = [
  [0, 336, "short", [], 6, 0],
  [16, 336, "short", [], 326, 16],
  [17, 336, "block", [0], 4096, 17],
  [9, 192, "short", [], 186, 9],
  [10, 192, "block", [0], 4096, 10],
  // 4096 bytes less 96 for head and dots, 8 for the tail, 16 for their hashes; 32 for each entry with its hash.
  [124, 336, "block", [0], 4096, 17],
  [125, 336, "leaf", [0, LEAF_OFFSET], 4096, 18],
  [166, 336, "leaf", [0, LEAF_OFFSET], 4096, 18],
  [167, 336, "leaf", [0, LEAF_OFFSET, 1], 8192, 19],
];

test("directories leave the inode, then their block, as they grow", () => {
  for (const [count, room, form, blocks, size, changes] of GROWTH) {
    const { directory, taken } = filled(count, room);
    assert.deepEqual(
      [directory.form, taken, directory.sizeBytes, directory.changes],
      [form, blocks, size, changes],
      `${count} entries`,
    );
  }
});

test("a leaf takes 500 entries of this length and refuses one more", () => {
  assert.equal(filled(500, 336).directory.entries.length, 500);
  assert.throws(
    () => filled(501, 336),
    (error: unknown) => error instanceof XfsError && error.code === "directory_too_large",
  );
});

test("entries keep their place when the form changes; a hole left by a long name is filled", () => {
  const { directory } = filled(160, 336);
  directory.add({ name: utf8("n".repeat(200)), inode: 500, type: FILE_TYPE.file }, 336);
  directory.add({ name: utf8("short"), inode: 501, type: FILE_TYPE.file }, 336);
  assert.deepEqual(
    directory.entries.slice(-3).map(({ at }) => at),
    [96 + 159 * 24, 4096 + 64, 96 + 160 * 24],
  );
});
