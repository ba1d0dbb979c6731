import assert from "node:assert/strict";
import { test } from "node:test";
import { GiB, KiB, MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { blob, zeros } from "../../../src/extents/index.ts";
import {
  type FatEntry,
  FatError,
  type FatTree,
  type FatVolume,
  fat12Floppy,
  fat32Volume,
} from "../../../src/formats/fat/index.ts";

const VOLUME: FatVolume = { sizeBytes: 40 * MiB, label: "EFI", mtime: 1_559_424_892, tree: [] };

function named(...fileNames: string[]): Partial<FatVolume> {
  return { tree: fileNames.map((name) => ({ $case: "file", name, content: zeros(1) })) };
}

function sized(size: number): Partial<FatVolume> {
  return { tree: [{ $case: "file", name: "f", content: blob(sha256("f"), size) }] };
}

function nested(depth: number): FatEntry {
  let entry: FatEntry = { $case: "directory", name: "d", children: [] };
  for (let i = 1; i < depth; i++) entry = { $case: "directory", name: "d", children: [entry] };
  return entry;
}

const REFUSED: readonly (readonly [string, Partial<FatVolume>, string])[] = [
  ["no room at all", { sizeBytes: 0 }, "volume_size"],
  ["only the reserved area", { sizeBytes: 40 * 512 }, "volume_size"],
  ["not a size", { sizeBytes: 1.5 }, "volume_size"],
  ["odd sectors", { sectorSize: 520 }, "volume_size"],
  ["odd clusters", { sectorsPerCluster: 3 }, "volume_size"],
  ["huge clusters", { sectorSize: 4096, sectorsPerCluster: 128 }, "volume_size"],
  ["too many clusters", { sizeBytes: 1024 * GiB, sectorsPerCluster: 1 }, "volume_size"],
  ["too many sectors", { sizeBytes: 2 ** 32 * 512 + MiB }, "volume_size"],
  ["lower-case label", { label: "efi" }, "label_invalid"],
  ["long label", { label: "TWELVE CHARS" }, "label_invalid"],
  ["before FAT time", { mtime: 315_532_799 }, "time_range"],
  ["after FAT time", { mtime: 4_354_819_200 }, "time_range"],
  ["no time", { mtime: Number.NaN }, "time_range"],
  ["empty name", named(""), "name_invalid"],
  ["dots", named(".."), "name_invalid"],
  ["slash", named("a/b"), "name_invalid"],
  ["control character", named("a\nb"), "name_invalid"],
  ["trailing dot", named("a."), "name_invalid"],
  ["trailing space", named("a "), "name_invalid"],
  ["lone surrogate", named("a\ud800"), "name_invalid"],
  ["long name", named("n".repeat(256)), "name_invalid"],
  ["same name", named("a", "a"), "name_duplicate"],
  ["same name but for case", named("Talos.efi", "TALOS.EFI"), "name_duplicate"],
  ["4 GiB file", { ...sized(4 * GiB), sizeBytes: 16 * GiB }, "file_too_large"],
  ["larger than the volume", sized(41 * MiB), "no_space"],
  ["too deep", { tree: [nested(66)] }, "too_deep"],
  ["too many entries", named(...Array.from({ length: 65_536 }, (_, i) => `F${i}`)), "directory_too_large"],
];

const REFUSED_FLOPPIES: readonly (readonly [string, Partial<FatTree>, string])[] = [
  ["larger than all clusters", sized(2863 * KiB + 1), "no_space"],
  ["no cluster left for a directory", { tree: [...sized(2863 * KiB).tree!, nested(1)] }, "no_space"],
  ["long name", named("n".repeat(256)), "name_invalid"],
  ["more slots than the root area", named(...Array.from({ length: 241 }, (_, i) => `F${i}`)), "directory_too_large"],
  ["after FAT time", { mtime: 4_354_819_200 }, "time_range"],
];

function refuses(make: () => unknown, what: string, code: string): void {
  assert.throws(
    make,
    (error: unknown) => error instanceof FatError && error.code === code && error.message.startsWith("fat"),
    what,
  );
}

test("volumes that FAT32 cannot hold are refused with their code", () => {
  for (const [what, change, code] of REFUSED) refuses(() => fat32Volume({ ...VOLUME, ...change }), what, code);
});

test("floppies that cannot be are refused with their code", () => {
  for (const [what, change, code] of REFUSED_FLOPPIES) {
    refuses(() => fat12Floppy({ mtime: VOLUME.mtime, tree: [], ...change }), what, code);
  }
});

test("the last that fits is accepted", () => {
  fat32Volume({ ...VOLUME, ...named("n".repeat(255)) });
  fat32Volume({ ...VOLUME, tree: [nested(64)] });
  fat32Volume({ ...VOLUME, mtime: 315_532_800 });
  fat32Volume({ ...VOLUME, mtime: 4_354_819_199 });
  fat12Floppy({ ...VOLUME, ...sized(2863 * KiB) });
  fat12Floppy({ ...VOLUME, ...named(...Array.from({ length: 240 }, (_, i) => `F${i}`)) });
});
