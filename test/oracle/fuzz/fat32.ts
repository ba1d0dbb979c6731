import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { MiB } from "../../../src/bytes/align.ts";
import { FactoryError } from "../../../src/errors.ts";
import { type FatVolume, fat32Volume, fatGeometry } from "../../../src/formats/fat/index.ts";
import { treeOnDisk } from "../../support/tree-on-disk.ts";
import { writeImage } from "../../support/write-image.ts";
import { assertSame, attempt, type FuzzedWriter, type Outcome, run } from "./judge.ts";
import type { NameRules } from "./names.ts";
import type { Random } from "./random.ts";
import { expectedOnDisk, type Node, randomTree, type Shape, walk } from "./tree.ts";

/** FAT's own limit is 255 units, but what mtools copies out has to fit the file system of the machine. */
const FAT_NAMES: NameRules = {
  longest: { bytes: 255 },
  // mtools reads units, not pairs of them.
  forbidden: /[\x00-\x1f\x7f"*/:<>?\\|]|[\u{10000}-\u{10ffff}]/u,
  refused: /[. ]$/,
};

export function fatShape(random: Random, entries: number, units: readonly number[], largest: number): Shape {
  const clash = random.chance(0.03);
  const key = (name: string): string => (clash ? name : name.toUpperCase());
  return { names: FAT_NAMES, key, entries, depth: 60, modes: 0o777, units, largest };
}

/** Whether two names of one directory differ in case only. */
export function hasClash(tree: readonly Node[]): boolean {
  const seen = new Set(tree.map(({ name }) => name.toUpperCase()));
  return seen.size < tree.length || tree.some((node) => node.$case === "directory" && hasClash(node.children));
}

/** Has fsck.vfat check a volume, and mtools copy all of it out. */
export async function judgeFat(path: string, folder: string, tree: readonly Node[]): Promise<void> {
  const checked = run("fsck.vfat", ["-n", "-v", path]);
  assert.doesNotMatch(checked, /differ|wrong|bad |orphan|Reclaim|Dirty|^\s*Auto-|Warning/im);
  if (tree.length === 0) return;
  const out = join(folder, "out");
  mkdirSync(out);
  run("mcopy", ["-i", path, "-s", "-n", "::*", out]);
  assertSame(treeOnDisk(out, 0), await expectedOnDisk(tree, 0));
}

function randomVolume(random: Random): Omit<FatVolume, "tree"> {
  const sectorSize = random.pick([512, 512, 512, 1024, 2048, 4096]);
  const sectorsPerCluster = random.pick([undefined, undefined, 1, 2, 4, 8, 16]);
  const perCluster = sectorSize * (sectorsPerCluster ?? 1);
  // FAT32 begins with 65525 clusters; the default size changes at 260 MiB of 512-byte sectors.
  const mib = random.pick([random.int(1, 40), 65, 259, 260, 261, 504, 1008]) + Math.ceil((66_500 * perCluster) / MiB);
  return {
    sizeBytes: mib * MiB + random.pick([0, 0, 512, 61 * 512, 4096, random.int(0, MiB)]),
    ...{ sectorSize, label: random.pick(["EFI", "A", "ESP-0_1 B", "ELEVENCHARS"]) },
    mtime: random.pick([315_532_800, 1_559_424_893, 2 ** 31, 4_354_819_199, random.int(315_532_800, 4_354_819_199)]),
    ...(sectorsPerCluster === undefined ? {} : { sectorsPerCluster }),
  };
}

async function judge(random: Random, folder: string): Promise<Outcome> {
  const volume = randomVolume(random);
  const { clusterBytes, clusters } = fatGeometry(volume.sizeBytes, volume.sectorSize!, volume.sectorsPerCluster);
  const largest = random.chance(0.05) ? 64 * MiB : 2 * MiB;
  const tree = randomTree(random, fatShape(random, 400, [512, clusterBytes], largest));
  const image = attempt(() => fat32Volume({ ...volume, tree }));
  if (image instanceof FactoryError) {
    if (image.code === "name_duplicate") assert.ok(hasClash(tree), image.message);
    else {
      assert.equal(image.code, "no_space", image.message);
      const nodes = [...walk<never>(tree)].map(([, node]) => node);
      const sizes = nodes.map((node) => (node.$case === "file" ? node.content.size : 1));
      const needed = sizes.reduce((sum, size) => sum + Math.ceil(size / clusterBytes), 0);
      // Directories of more than one cluster are not counted here: each entry has at most 21 slots of 32 bytes.
      assert.ok(needed + Math.ceil((nodes.length * 21 * 32) / clusterBytes) > clusters - 1, image.message);
    }
    return "refused";
  }
  const path = join(folder, "esp.img");
  await writeImage(path, image);
  await judgeFat(path, folder, tree);
  return "taken";
}

/** Refused: names that differ in case only, and files larger than the volume. */
export const fat32: FuzzedWriter = { name: "fat32", share: 15, refusals: 0.1, judge };
