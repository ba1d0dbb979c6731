import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { blob, zeros } from "../../../src/extents/index.ts";
import {
  type IsoBootEntry,
  type IsoEntry,
  IsoError,
  type IsoImage,
  isoImage,
} from "../../../src/formats/iso9660/index.ts";
import { MbrError } from "../../../src/formats/mbr/index.ts";

const BOOT: IsoBootEntry = { platform: "efi", image: { $case: "appended" } };
const IMAGE: IsoImage = { volumeId: "V", mtime: 0, tree: [], elTorito: [BOOT], appendedPartition: zeros(MiB) };

function named(...fileNames: string[]): Partial<IsoImage> {
  return { tree: fileNames.map((name) => ({ $case: "file", name, content: zeros(1) })) };
}

function nested(depth: number): IsoEntry {
  let entry: IsoEntry = { $case: "directory", name: "d", children: [] };
  for (let i = 1; i < depth; i++) entry = { $case: "directory", name: "d", children: [entry] };
  return entry;
}

function sized(size: number): Partial<IsoImage> {
  return { tree: [{ $case: "file", name: "f", content: blob(sha256("f"), size) }] };
}

const EMPTY_DIRECTORIES: readonly IsoEntry[] = Array.from({ length: 65_535 }, (_, i) => ({
  $case: "directory",
  name: `d${i}`,
  children: [],
}));

const REFUSED: readonly (readonly [string, Partial<IsoImage>, string])[] = [
  ["lower-case volume id", { volumeId: "talos" }, "volume_id_invalid"],
  ["long volume id", { volumeId: "V".repeat(33) }, "volume_id_invalid"],
  ["long volume set id", { volumeSetId: "V".repeat(129) }, "volume_id_invalid"],
  ["preparer id with a line break", { preparerId: "a\nb" }, "volume_id_invalid"],
  ["before 1970", { mtime: -1 }, "time_range"],
  ["after 2155", { mtime: 5_869_584_000 }, "time_range"],
  ["fraction of a second", { mtime: 1.5 }, "time_range"],
  ["empty name", named(""), "name_invalid"],
  ["dots", named(".."), "name_invalid"],
  ["slash", named("a/b"), "name_invalid"],
  ["NUL", named("a\0"), "name_invalid"],
  ["256 bytes", named("é".repeat(128)), "name_invalid"],
  ["lone surrogate", named("\udc00"), "name_invalid"],
  ["twice the same", named("a", "b", "a"), "name_duplicate"],
  ["the catalog's name", named("boot.catalog"), "name_duplicate"],
  ["mode with a file type", { rootMode: 0o40755 }, "mode_invalid"],
  ["negative mode", { tree: [{ $case: "file", name: "f", mode: -1, content: zeros(0) }] }, "mode_invalid"],
  ["too deep", { tree: [nested(66)] }, "too_deep"],
  ["too many directories", { tree: EMPTY_DIRECTORIES }, "too_many_directories"],
  ["no boot entry", { elTorito: [] }, "boot_entry_invalid"],
  ["too many boot entries", { elTorito: Array.from({ length: 33 }, () => BOOT) }, "boot_entry_invalid"],
  ["load size of 17 bits", { elTorito: [{ ...BOOT, loadSectors: 65_536 }] }, "boot_entry_invalid"],
  [
    "missing boot image",
    { elTorito: [{ platform: "bios", image: { $case: "file", path: "/x" } }] },
    "boot_entry_invalid",
  ],
  ["more than 2^32 blocks", sized(2 ** 43), "image_too_large"],
];

test("images that ISO 9660 cannot hold are refused with their code", () => {
  for (const [what, change, code] of REFUSED) {
    assert.throws(
      () => isoImage({ ...IMAGE, ...change }),
      (error: unknown) => error instanceof IsoError && error.code === code && error.message.startsWith("iso9660"),
      what,
    );
  }
  assert.throws(() => isoImage({ ...IMAGE, ...sized(2 ** 41) }), MbrError);
});

test("the last that fits is accepted", () => {
  isoImage({ ...IMAGE, ...named("é".repeat(127), "n".repeat(255)) });
  isoImage({ ...IMAGE, tree: [nested(64)] });
  isoImage({ ...IMAGE, mtime: 5_869_583_999 });
  isoImage({ ...IMAGE, elTorito: Array.from({ length: 32 }, () => BOOT) });
  isoImage({ ...IMAGE, ...sized(2 ** 41 - 40 * MiB) });
});
