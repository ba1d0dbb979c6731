import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { MiB } from "../../../src/bytes/align.ts";
import { labelGuid } from "../../../src/bytes/guid.ts";
import { FactoryError } from "../../../src/errors.ts";
import { type XfsVolume, xfsVolume } from "../../../src/formats/xfs/index.ts";
import { xfsprogs } from "../../formats/xfs/xfsprogs.ts";
import { treeOnDisk } from "../../support/tree-on-disk.ts";
import { writeImage } from "../../support/write-image.ts";
import { assertSame, attempt, type FuzzedWriter, type Outcome } from "./judge.ts";
import type { Random } from "./random.ts";
import { expectedOnDisk, type Node, randomTree, walk } from "./tree.ts";

const BLOCK_BYTES = 4096;
/** The log, and generously what groups and their chunks of inodes take. */
const OVERHEAD_BYTES = 72 * MiB;
/** With long names a directory ends below its 500 entries (limits of the writer). */
const FULL_DIRECTORY = 470;

function randomVolume(random: Random): Omit<XfsVolume, "tree"> {
  const mib = random.pick([300, random.int(300, 320), random.int(300, 2100), random.int(300, 40_000)]);
  return {
    sizeBytes: mib * MiB + random.pick([0, 0, 512, 4096, 4095, 3 * 4096, random.int(0, 4 * MiB)]),
    sectorSize: random.pick([512, 4096]),
    label: random.pick(["BOOT", "x", "TWELVE_CHARS"]),
    uuid: labelGuid(`fuzz-${random.int(0, 2 ** 31)}`),
    features: random.pick(["lts_6.1", "lts_6.6", "lts_6.12", "lts_6.18"]),
    mtime: random.pick([0, 1_559_424_892, 2 ** 31, 2 ** 32 + 5, 16_299_260_424]),
    rootMode: random.pick([0o755, 0o700, 0o1777]),
  };
}

/** Whether what was refused is more than the limits the writer states. */
function isRight({ code }: FactoryError, tree: readonly Node[], sizeBytes: number): boolean {
  const nodes = [...walk<never>(tree)].map(([, node]) => node);
  if (code === "directory_too_large") {
    const directories = nodes.flatMap((node) => (node.$case === "directory" ? [node.children.length] : []));
    return Math.max(tree.length, ...directories) > FULL_DIRECTORY;
  }
  const files = nodes.flatMap((node) => (node.$case === "file" ? [node.content.size] : []));
  const bytes = files.reduce((sum, size) => sum + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES, 0);
  if (code === "no_space") return bytes > sizeBytes - OVERHEAD_BYTES;
  // Files fragment when a group is full.
  return code === "too_fragmented" && bytes > sizeBytes / 8;
}

async function judge(random: Random, folder: string): Promise<Outcome> {
  const volume = randomVolume(random);
  const { sizeBytes } = volume;
  const largest = random.pick([MiB, MiB, MiB, 20 * MiB, Math.min(sizeBytes - OVERHEAD_BYTES, 400 * MiB)]);
  const nodes = randomTree(random, {
    names: { longest: { bytes: 254 }, forbidden: /[/\0]/ },
    entries: largest > MiB ? 12 : 700,
    depth: 40,
    modes: 0o777,
    units: [BLOCK_BYTES, 32 * BLOCK_BYTES],
    largest,
  });
  // xfs_repair keeps what it finds under this name, so it takes nothing but a directory for intact.
  const tree = nodes.filter(({ $case, name }) => $case === "directory" || name !== "lost+found");
  const image = attempt(() => xfsVolume({ ...volume, tree }));
  if (image instanceof FactoryError) {
    assert.ok(isRight(image, tree, sizeBytes), `${image.code}: ${image.message.slice(0, 400)}`);
    return "refused";
  }
  const path = join(folder, "xfs.img");
  await writeImage(path, image);
  const tools = await xfsprogs();
  tools.run("xfs_repair", "-n", path);
  assert.match(tools.run("xfs_logprint", "-t", path), /state: <CLEAN>/);
  const out = join(folder, "out");
  mkdirSync(out);
  tools.run("xfs_db", "-r", "-c", `rdump / ${out}`, path);
  assertSame(treeOnDisk(out, 0o777), await expectedOnDisk(tree, 0o777));
  return "taken";
}

/** Refused: directories of more than about 500 entries, and volumes that are too full. */
export const xfs: FuzzedWriter = { name: "xfs", share: 12, refusals: 0.15, judge };
