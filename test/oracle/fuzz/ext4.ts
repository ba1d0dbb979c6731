import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { MiB } from "../../../src/bytes/align.ts";
import { labelGuid } from "../../../src/bytes/guid.ts";
import { FactoryError } from "../../../src/errors.ts";
import { type Ext4Entry, type Ext4Volume, ext4MinimumBytes, ext4Volume } from "../../../src/formats/ext4/index.ts";
import { treeOnDisk } from "../../support/tree-on-disk.ts";
import { writeImage } from "../../support/write-image.ts";
import { assertSame, attempt, type FuzzedWriter, type Outcome, run } from "./judge.ts";
import { POSIX_NAMES } from "./names.ts";
import type { Random } from "./random.ts";
import { expectedOnDisk, type LinkNode, randomTarget, randomTree, walk } from "./tree.ts";

const MODES = 0o777;
const SIZES_MIB = [1, 2, 3, 7, 8, 9, 31, 64, 65, 127, 128, 129, 255, 257, 511, 512, 513, 640, 1024];

function randomVolume(random: Random): Omit<Ext4Volume, "sizeBytes" | "tree"> {
  return {
    sectorSize: random.pick([512, 512, 4096]),
    label: random.pick(["IMAGECACHE", "", "SIXTEEN LETTERS!"]),
    uuid: labelGuid(`fuzz-${random.int(0, 2 ** 31)}`),
    mtime: random.pick([0, 1_559_424_892, 2 ** 31, 2 ** 32 + 5, 2 ** 34 - 2 ** 31 - 1]),
  };
}

function randomLink(random: Random, name: string): LinkNode {
  return { $case: "symlink", name, target: randomTarget(random, 1023) };
}

/** The least size, more than that, or any; small ones are too small for many trees. */
function randomBytes(random: Random, least: number): number {
  const mib = random.pick([least / MiB, least / MiB + random.int(0, 3), random.pick(SIZES_MIB), random.int(1, 1200)]);
  return mib * MiB + random.pick([0, 0, 512, 1024, 4095, 4096, random.int(0, MiB - 1)]);
}

/** A refusal is right when the writer's own least size says so, and that one is not far above what the contents take. */
function checkRefusal(error: FactoryError, tree: readonly Ext4Entry[], sizeBytes: number, least: number): void {
  if (error.code === "name_duplicate") {
    assert.ok(tree.filter(({ name }) => name === "lost+found").length === 1, error.message);
    return;
  }
  assert.equal(error.code, "no_space", error.message);
  assert.match(error.message, new RegExp(`a volume of ${least} holds it`));
  const nodes = [...walk<LinkNode>(tree as never)].map(([, node]) => node);
  const bytes = nodes.reduce((sum, node) => sum + 4096 * 2 + ("content" in node ? node.content.size : 0), 0);
  assert.ok(bytes * 1.1 + 2 * MiB > sizeBytes, `${bytes} bytes of contents: ${error.message}`);
}

async function judgeVolume(volume: Ext4Volume, folder: string): Promise<void> {
  const path = join(folder, "ext4.img");
  await writeImage(path, ext4Volume(volume));
  run("e2fsck", ["-fn", path]);
  const out = join(folder, "out");
  mkdirSync(out);
  const said = run("debugfs", ["-R", `rdump / ${out}`, path]);
  assert.match(said, /^debugfs [^\n]*\n$/, said.slice(0, 1000));
  const found = treeOnDisk(out, MODES);
  assert.match(found.get("lost+found") ?? "", /^directory 700/);
  found.delete("lost+found");
  assertSame(found, await expectedOnDisk(volume.tree as never, MODES));
}

async function judge(random: Random, folder: string): Promise<Outcome> {
  const options = randomVolume(random);
  const largest = random.pick([MiB, MiB, MiB, 40 * MiB, 300 * MiB]);
  const tree = randomTree<LinkNode>(random, {
    names: POSIX_NAMES,
    entries: largest > MiB ? 8 : random.pick([30, 600]),
    depth: 60,
    modes: MODES,
    units: [1024, 4096, 32_768 * 1024],
    largest,
    other: randomLink,
  });
  const clean = tree.filter(({ name }) => name !== "lost+found");
  const { sectorSize } = options;
  const wanted = randomBytes(random, ext4MinimumBytes({ tree: clean, ...(sectorSize && { sectorSize }) }));
  const given = attempt(() => ext4Volume({ ...options, tree, sizeBytes: wanted }));
  if (!(given instanceof FactoryError)) {
    await judgeVolume({ ...options, tree, sizeBytes: wanted }, folder);
    return "taken";
  }
  const least = ext4MinimumBytes({ tree: clean, ...(sectorSize && { sectorSize }) }, wanted);
  checkRefusal(given, tree, wanted, least);
  await judgeVolume({ ...options, tree: clean, sizeBytes: Math.max(least, wanted) }, folder);
  return "refused";
}

/** Refused: `lost+found` in the root, and volumes smaller than their contents. */
export const ext4: FuzzedWriter = { name: "ext4", share: 15, refusals: 0.25, judge };
