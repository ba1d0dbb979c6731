import assert from "node:assert/strict";
import { test } from "node:test";
import { zeros } from "../../../src/extents/index.ts";
import { type TarFile, tarArchive } from "../../../src/formats/tar/index.ts";

test("what a header cannot say is refused with the field that cannot", () => {
  const file: TarFile = { name: "disk.raw", mode: 0o644, mtime: 0, content: zeros(0) };
  /** What is wrong, code, the field in the message. */
  const vectors: readonly (readonly [Partial<TarFile>, string, RegExp])[] = [
    [{ name: "" }, "tar_name", /^name: /],
    [{ name: "a".repeat(101) }, "tar_name", /^name: /],
    [{ name: "ä" }, "tar_name", /^name: /],
    [{ name: "a\0b" }, "tar_name", /^name: /],
    [{ mtime: -1 }, "field_range", /mtime/],
    [{ mtime: 0.5 }, "field_range", /mtime/],
    [{ mode: 8 ** 7 }, "field_range", /mode/],
    [{ owner: { user: "u".repeat(33), group: "" } }, "field_range", /userName/],
  ];
  for (const [wrong, code, message] of vectors) {
    assert.throws(() => tarArchive([{ ...file, ...wrong }]), { code, message });
  }
  assert.equal(tarArchive([{ ...file, name: "a".repeat(100) }]).size, 10_240);
});
