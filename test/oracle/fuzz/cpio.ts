import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { FactoryError } from "../../../src/errors.ts";
import { read } from "../../../src/extents/index.ts";
import { type CpioEntry, cpioArchive } from "../../../src/formats/cpio/index.ts";
import { treeOnDisk } from "../../support/tree-on-disk.ts";
import { NO_BLOBS } from "../../support/write-image.ts";
import { assertSame, attempt, type FuzzedWriter, type Outcome, run } from "./judge.ts";
import { POSIX_NAMES } from "./names.ts";
import type { Random } from "./random.ts";
import { expectedOnDisk, type LinkNode, type Node, randomTarget, randomTree, walk } from "./tree.ts";

const MODES = 0o7777;

function entry(path: string, node: Node<LinkNode>, mtime: number): CpioEntry {
  if (node.$case === "file") return { $case: "file", path, mtime, mode: node.mode, body: node.content };
  if (node.$case === "symlink") return { ...node, path, mtime, mode: 0o777 };
  return { $case: "directory", path, mtime, mode: node.mode };
}

async function judge(random: Random, folder: string): Promise<Outcome> {
  const tree = randomTree<LinkNode>(random, {
    names: POSIX_NAMES,
    entries: random.pick([30, 500]),
    depth: 60,
    modes: MODES,
    units: [4, 512],
    largest: random.pick([600, 600, 200_000]),
    other: (from, name) => ({ $case: "symlink", name, target: randomTarget(from, 1023) }),
  });
  const mtime = random.pick([0, 1_559_424_892, 2 ** 31, 2 ** 32 - 1]);
  const entries = [...walk<LinkNode>(tree)].map(([path, node]) => entry(path, node, mtime));
  const archive = attempt(() => cpioArchive(entries, { firstInode: random.magnitude(2 ** 31) }));
  if (archive instanceof FactoryError) {
    assert.ok(
      tree.some(({ name }) => name === "TRAILER!!!"),
      archive.message,
    );
    return "refused";
  }
  const out = join(folder, "out");
  mkdirSync(out);
  // It says when it had to skip something.
  assert.equal(run("cpio", ["-idm", "--quiet"], { input: await read(archive, NO_BLOBS), cwd: out }), "");
  assertSame(treeOnDisk(out, MODES), await expectedOnDisk(tree, MODES));
  return "taken";
}

/** Refused: the name that ends an archive. */
export const cpio: FuzzedWriter = { name: "cpio", share: 7, refusals: 0.2, judge };
