import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KiB, MiB } from "../../../src/bytes/align.ts";
import { read } from "../../../src/extents/index.ts";
import type { SquashfsOptions } from "../../../src/formats/squashfs/index.ts";
import { build, type Item } from "../../formats/squashfs/support.ts";
import { treeOnDisk } from "../../support/tree-on-disk.ts";
import { NO_BLOBS } from "../../support/write-image.ts";
import { assertSame, type FuzzedWriter, type Outcome, run } from "./judge.ts";
import { POSIX_NAMES } from "./names.ts";
import type { Random } from "./random.ts";
import { expectedOnDisk, type LinkNode, type Node, randomTarget, randomTree, walk } from "./tree.ts";

const MODES = 0o7777;

function randomLink(random: Random, name: string): LinkNode {
  return { $case: "symlink", name, target: randomTarget(random, 4095) };
}

/** Few different sets of attributes, so that some are shared. */
function randomXattrs(random: Random): Readonly<Record<string, string>> {
  if (random.chance(0.8)) return {};
  const long = "v".repeat(random.magnitude(1000));
  return random.pick([{ "user.a": "1" }, { "user.a": "2", "user.b": "" }, { [`user.${random.int(0, 9)}`]: long }]);
}

async function item(random: Random, path: string, node: Node<LinkNode>): Promise<Item> {
  if (node.$case === "symlink") return { ...node, path };
  const common = { path, mode: node.mode, xattrs: randomXattrs(random) };
  if (node.$case === "directory") return { $case: "directory", ...common };
  return { $case: "file", ...common, bytes: await read(node.content, NO_BLOBS) };
}

async function judge(random: Random, folder: string): Promise<Outcome> {
  const blockSize = random.pick([4, 8, 16, 64, 128, 128, 128, 256, 1024]) * KiB;
  const zstd = { $case: "zstd", level: random.pick([1, 3, 9, 14]) } as const;
  const options: Partial<SquashfsOptions> = {
    blockSize,
    compression: random.chance(0.3) ? { $case: "xz" } : zstd,
    concurrency: random.int(1, 4),
    mtime: random.pick([0, 1_559_424_892, 2 ** 31, 2 ** 32 - 1]),
  };
  const tree = randomTree<LinkNode>(random, {
    names: POSIX_NAMES,
    entries: random.pick([20, 300, 1500]),
    depth: 60,
    modes: MODES,
    units: [blockSize, blockSize, 8192],
    largest: random.pick([8 * KiB, 8 * KiB, 64 * KiB, Math.min(3 * blockSize + 1, MiB)]),
    other: randomLink,
  });
  const items: Item[] = [];
  for (const [path, node] of walk<LinkNode>(tree)) items.push(await item(random, path, node));
  const order = random.chance(0.5) ? random.shuffled(items) : items;
  const image = await build(order, { ...options, chunk: random.pick([1000, 4096, 50_000]) });
  const path = join(folder, "image.sqsh");
  await writeFile(path, image);
  const out = join(folder, "out");
  run("unsquashfs", ["-q", "-n", "-strict-errors", "-user-xattrs", "-d", out, path]);
  assertSame(treeOnDisk(out, MODES), await expectedOnDisk(tree, MODES));
  return "taken";
}

/** Takes everything that can be made here. */
export const squashfs: FuzzedWriter = { name: "squashfs", share: 14, refusals: 0, judge };
