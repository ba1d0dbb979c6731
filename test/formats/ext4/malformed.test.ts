import assert from "node:assert/strict";
import { test } from "node:test";
import { GiB, MiB } from "../../../src/bytes/align.ts";
import { zeros } from "../../../src/extents/index.ts";
import {
  type Ext4Entry,
  Ext4Error,
  type Ext4Volume,
  ext4MinimumBytes,
  ext4Volume,
} from "../../../src/formats/ext4/index.ts";
import { directory, file, link, volumeOf } from "./support.ts";

const VOLUME = volumeOf(4 * MiB, []);

function named(...names: string[]): Partial<Ext4Volume> {
  return { tree: names.map((name) => file(name, "")) };
}

function nested(depth: number): Ext4Entry {
  let entry = directory("d");
  for (let i = 1; i < depth; i++) entry = directory("d", entry);
  return entry;
}

const REFUSED: readonly (readonly [string, Partial<Ext4Volume>, string])[] = [
  ["no room at all", { sizeBytes: 0 }, "volume_size"],
  ["less than a MiB", { sizeBytes: MiB - 1 }, "volume_size"],
  ["not a size", { sizeBytes: 2 * MiB + 0.5 }, "volume_size"],
  ["4 TiB", { sizeBytes: 4096 * GiB }, "volume_size"],
  ["long label", { label: "SEVENTEEN LETTERS" }, "label_invalid"],
  ["label with NUL", { label: "A\0B" }, "label_invalid"],
  ["label beyond ASCII", { label: "É" }, "label_invalid"],
  ["before 1970", { mtime: -1 }, "time_range"],
  ["after 2446", { mtime: 2 ** 34 - 2 ** 31 }, "time_range"],
  ["no time", { mtime: Number.NaN }, "time_range"],
  ["part of a second", { mtime: 0.5 }, "time_range"],
  ["empty name", named(""), "name_invalid"],
  ["dot", named("."), "name_invalid"],
  ["dots", named(".."), "name_invalid"],
  ["slash", named("a/b"), "name_invalid"],
  ["NUL", named("a\0b"), "name_invalid"],
  ["lone surrogate", named("a\ud800"), "name_invalid"],
  ["long name", named("n".repeat(256)), "name_invalid"],
  ["long name in bytes", named("é".repeat(128)), "name_invalid"],
  ["same name", named("a", "a"), "name_duplicate"],
  ["name of our own", named("lost+found"), "name_duplicate"],
  ["mode with a type", { tree: [file("f", "", 0o100644)] }, "mode_invalid"],
  ["negative mode", { tree: [{ $case: "directory", name: "d", mode: -1, children: [] }] }, "mode_invalid"],
  ["no mode", { tree: [file("f", "", Number.NaN)] }, "mode_invalid"],
  ["empty target", { tree: [link("l", "")] }, "target_invalid"],
  ["long target", { tree: [link("l", "t".repeat(1024))] }, "target_invalid"],
  ["target with NUL", { tree: [link("l", "a\0")] }, "target_invalid"],
  ["too deep", { tree: [nested(257)] }, "too_deep"],
  ["larger than the volume", { tree: [file("f", zeros(4 * MiB))] }, "no_space"],
  ["larger than any volume", { tree: [file("f", zeros(2 ** 52))] }, "no_space"],
  ["too many files", named(...Array.from({ length: 10_000 }, (_, i) => `f${i}`)), "no_space"],
];

test("volumes that ext4 cannot hold are refused with their code", () => {
  for (const [what, change, code] of REFUSED) {
    assert.throws(
      () => ext4Volume({ ...VOLUME, ...change }),
      (error: unknown) => error instanceof Ext4Error && error.code === code && error.message.startsWith("ext4"),
      what,
    );
  }
});

test("trees of too many entries are refused", () => {
  const tree = Array.from({ length: 250_001 }, (_, i) => link(`l${i}`, "t"));
  assert.throws(() => ext4MinimumBytes({ tree }), { code: "too_many_entries" });
});

test("the last that fits is accepted", () => {
  ext4Volume({ ...VOLUME, ...named("n".repeat(255), "é".repeat(127)) });
  ext4Volume({ ...VOLUME, tree: [nested(256)] });
  ext4Volume({ ...VOLUME, tree: [link("l", "t".repeat(1023)), file("f", "", 0o7777)] });
  ext4Volume({ ...VOLUME, label: "SIXTEEN LETTERS!" });
  ext4Volume({ ...VOLUME, mtime: 2 ** 34 - 2 ** 31 - 1 });
  ext4Volume({ ...VOLUME, sizeBytes: MiB });
  ext4Volume({ ...VOLUME, sizeBytes: 4096 * GiB - MiB });
});
