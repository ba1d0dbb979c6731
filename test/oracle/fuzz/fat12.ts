import assert from "node:assert/strict";
import { join } from "node:path";
import { FactoryError } from "../../../src/errors.ts";
import { fat12Floppy } from "../../../src/formats/fat/index.ts";
import { writeImage } from "../../support/write-image.ts";
import { fatShape, hasClash, judgeFat } from "./fat32.ts";
import { attempt, type FuzzedWriter, type Outcome } from "./judge.ts";
import type { Random } from "./random.ts";
import { type Node, randomTree, walk } from "./tree.ts";

/** Of the 2.88 MB format (outputs.md 3.5). */
const CLUSTER_BYTES = 1024;
const CLUSTERS = 2863;
const ROOT_SLOTS = 240;
const SLOT_BYTES = 32;

/** Slots of a name: 13 units each, and one more. Short names take one alone, so this is the most. */
function slots(nodes: readonly Node[]): number {
  return nodes.reduce((sum, { name }) => sum + 1 + Math.ceil(name.length / 13), 0);
}

/** The most clusters a tree may need. */
function clusters(tree: readonly Node[]): number {
  const each = [...walk<never>(tree)].map(([, node]) =>
    node.$case === "file" ? node.content.size : (2 + slots(node.children)) * SLOT_BYTES,
  );
  return each.reduce((sum, bytes) => sum + Math.ceil(bytes / CLUSTER_BYTES), 0);
}

async function judge(random: Random, folder: string): Promise<Outcome> {
  const entries = random.pick([10, 60, 400]);
  const tree = randomTree(random, fatShape(random, entries, [512, CLUSTER_BYTES], Math.floor((3 * 2 ** 20) / entries)));
  const image = attempt(() => fat12Floppy({ mtime: 1_559_424_892, tree }));
  if (image instanceof FactoryError) {
    const right: Readonly<Record<string, () => boolean>> = {
      name_duplicate: () => hasClash(tree),
      directory_too_large: () => slots(tree) > ROOT_SLOTS,
      no_space: () => clusters(tree) > CLUSTERS,
    };
    assert.ok(right[image.code]?.(), image.message);
    return "refused";
  }
  const path = join(folder, "floppy.img");
  await writeImage(path, image);
  await judgeFat(path, folder, tree);
  return "taken";
}

/** Refused: names that differ in case only, and what a floppy does not hold. */
export const fat12: FuzzedWriter = { name: "fat12", share: 12, refusals: 0.2, judge };
