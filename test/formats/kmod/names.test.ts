import assert from "node:assert/strict";
import { test } from "node:test";
import { KmodError, selectModules } from "../../../src/formats/kmod/index.ts";
import { moduleName, normalAlias, plainPath } from "../../../src/formats/kmod/names.ts";

test("a module's name is its file's up to the first dot, with underscores", () => {
  const vectors = [
    ["kernel/fs/ext4/ext4.ko", "ext4", "kernel/fs/ext4/ext4.ko"],
    ["extras/some-driver.ko.xz", "some_driver", "extras/some-driver.ko"],
    ["a-b-c.ko.zst", "a_b_c", "a-b-c.ko"],
    ["dir.with.dots/x.ko.gz", "x", "dir.with.dots/x.ko"],
  ] as const;
  for (const [path, name, plain] of vectors) {
    assert.equal(moduleName(path), name);
    assert.equal(plainPath(path), plain);
  }
});

test("an alias in an index has underscores, but for what is in brackets", () => {
  const vectors: readonly (readonly [string, string | undefined])[] = [
    ["fs-ext4", "fs_ext4"],
    ["usb:v[0-9]-x[a-f]", "usb:v[0-9]_x[a-f]"],
    ["a[b[c-d]-", "a[b[c-d]_"],
    ["", ""],
    ["open[0-9", undefined],
    ["close]", undefined],
    ["a[b]c]", undefined],
  ];
  for (const [alias, normal] of vectors) assert.equal(normalAlias(alias), normal, alias);
});

test("of modules with one name that below extras wins, else the first", () => {
  const vectors: readonly (readonly [string[], string[]])[] = [
    [["kernel/b/x.ko", "kernel/a/x.ko"], ["kernel/a/x.ko"]],
    [["kernel/a/x.ko", "extras/x.ko"], ["extras/x.ko"]],
    [["updates/x.ko", "extras/x.ko", "kernel/x.ko"], ["extras/x.ko"]],
    [["extras/a/x.ko", "extras/b/x.ko.xz", "kernel/x.ko"], ["extras/b/x.ko.xz"]],
    [["extra/x.ko", "kernel/x.ko"], ["extra/x.ko"]],
    [["kernel/some-name.ko", "kernel/some_name.ko.zst"], ["kernel/some-name.ko"]],
  ];
  for (const [paths, chosen] of vectors) {
    assert.deepEqual(selectModules(paths), chosen);
    assert.deepEqual(selectModules(paths.toReversed()), chosen);
  }
});

test("what is no module, and the kernel's sources, are left out", () => {
  const others = ["modules.dep", "x.ko.bz2", ".ko", "a/.ko.xz", "x.kom", "build/a.ko", "kernel/source/b.ko"];
  assert.deepEqual(selectModules([...others, "kernel/x.ko"]), ["kernel/x.ko"]);
});

test("paths no index can hold are refused", () => {
  for (const path of ["kernel/with space.ko", "kernel/grün.ko", `${"d/".repeat(2100)}x.ko`, "kernel/line\nend.ko"]) {
    assert.throws(
      () => selectModules([path]),
      (error: unknown) => error instanceof KmodError && error.code === "index_unsupported",
    );
  }
});
