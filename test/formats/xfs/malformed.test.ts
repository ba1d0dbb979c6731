import assert from "node:assert/strict";
import { test } from "node:test";
import { GiB, MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { blob } from "../../../src/extents/index.ts";
import { type XfsEntry, XfsError, type XfsVolume, xfsVolume } from "../../../src/formats/xfs/index.ts";
import { BOOT, directory, file } from "./trees.ts";

function named(...names: readonly string[]): Partial<XfsVolume> {
  return { tree: names.map((name) => file(name, "")) };
}

function nested(depth: number): XfsEntry {
  let entry = directory("d", 0o755);
  for (let i = 1; i < depth; i++) entry = directory("d", 0o755, entry);
  return entry;
}

const MANY = Array.from({ length: 600 }, (_, i) => `f${i}`);

/** Directories come behind files, each with a block of its own. */
const FULL = Array.from({ length: 400 }, (_, i) =>
  directory(`d${i}`, 0o755, ...MANY.slice(0, 60).map((name) => file(name, "text"))),
);

const REFUSED: readonly (readonly [string, Partial<XfsVolume>, string])[] = [
  ["no room at all", { sizeBytes: 0 }, "volume_size"],
  ["less than mkfs.xfs makes", { sizeBytes: 300 * MiB - 1 }, "volume_size"],
  ["a larger log needed", { sizeBytes: 128 * GiB + 4096 }, "volume_size"],
  ["not a size", { sizeBytes: 400 * MiB + 0.5 }, "volume_size"],
  ["odd sectors", { sectorSize: 1024 }, "volume_size"],
  ["no label", { label: "" }, "label_invalid"],
  ["long label", { label: "thirteen-char" }, "label_invalid"],
  ["label with a space", { label: "BOOT 1" }, "label_invalid"],
  ["before 1970", { mtime: -1 }, "time_range"],
  ["after big time", { mtime: 16_299_260_425 }, "time_range"],
  ["no time", { mtime: Number.NaN }, "time_range"],
  ["file type in the root's mode", { rootMode: 0o040755 }, "mode_invalid"],
  ["file type in a file's mode", { tree: [file("a", "", 0o100644)] }, "mode_invalid"],
  ["a file where xfs_repair wants a directory", named("lost+found"), "name_invalid"],
  ["negative mode", { tree: [directory("a", -1)] }, "mode_invalid"],
  ["empty name", named(""), "name_invalid"],
  ["dot", named("."), "name_invalid"],
  ["dots", named(".."), "name_invalid"],
  ["slash", named("a/b"), "name_invalid"],
  ["zero byte", named("a\0b"), "name_invalid"],
  ["lone surrogate", named("a\ud800"), "name_invalid"],
  ["long name", named("n".repeat(255)), "name_invalid"],
  ["long in bytes", named("é".repeat(128)), "name_invalid"],
  ["same name", named("a", "b", "a"), "name_duplicate"],
  ["file and directory of one name", { tree: [file("a", ""), directory("a", 0o755)] }, "name_duplicate"],
  ["too many entries", named(...MANY), "directory_too_large"],
  ["too deep", { tree: [nested(65)] }, "too_deep"],
  ["larger than the volume", { tree: [file("big", blob(sha256("big"), 1000 * MiB))] }, "no_space"],
  [
    "directories that find no room behind a file",
    { tree: [file("big", blob(sha256("big"), 935 * MiB)), ...FULL] },
    "no_space",
  ],
];

test("what XFS or this writer cannot hold is refused with its code", () => {
  for (const [what, change, code] of REFUSED) {
    assert.throws(
      () => xfsVolume({ ...BOOT, ...change }),
      (error: unknown) => error instanceof XfsError && error.code === code && error.message.startsWith("xfs"),
      what,
    );
  }
});

test("the last that fits is accepted", () => {
  xfsVolume({ ...BOOT, ...named("n".repeat(254)) });
  xfsVolume({ ...BOOT, tree: [nested(64)] });
  xfsVolume({ ...BOOT, mtime: 16_299_260_424 });
  xfsVolume({ ...BOOT, mtime: 0 });
  xfsVolume({ ...BOOT, ...named(...MANY.slice(0, 490)) });
  xfsVolume({ ...BOOT, sizeBytes: 128 * GiB });
  xfsVolume({ ...BOOT, sizeBytes: 300 * MiB });
});
