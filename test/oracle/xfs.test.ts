import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { read, recipe } from "../../src/extents/index.ts";
import { type XfsEntry, type XfsFeatureSet, type XfsVolume, xfsVolume } from "../../src/formats/xfs/index.ts";
import { BOOT, bootTree, directory, file } from "../formats/xfs/trees.ts";
import { type Xfsprogs, xfsprogs } from "../formats/xfs/xfsprogs.ts";
import { treeOnDisk } from "../support/tree-on-disk.ts";
import { NO_BLOBS, withFolder, writeImage } from "../support/write-image.ts";
import { assertSame } from "./fuzz/judge.ts";
import { expectedOnDisk } from "./fuzz/tree.ts";

const FEATURES: readonly XfsFeatureSet[] = ["lts_6.1", "lts_6.6", "lts_6.12", "lts_6.18"];
const SECTORS = [512, 4096];

const KERNEL = recipe([
  { $case: "inline", bytes: utf8("head") },
  { $case: "zeros", length: 3 * MiB + 17 },
  { $case: "inline", bytes: utf8("tail") },
]);

function modules(count: number): XfsEntry[] {
  return Array.from({ length: count }, (_, i) => file(`module-${i}.mod`, `module ${i}`.repeat(i)));
}

/** Directories of every form, a file of two groups, names and files at their limits. */
const TREE: readonly XfsEntry[] = [
  directory("A", 0o755, file("vmlinuz", KERNEL), file("initramfs.xz", bigFile(), 0o600)),
  directory("grub", 0o700, directory("block", 0o755, ...modules(50)), directory("leaf", 0o755, ...modules(400))),
  directory("long", 0o711, file("n".repeat(254), "long"), directory("d".repeat(200), 0o755, file("x", "in it"))),
  file("empty", ""),
  file("ünïcode 日本", "text"),
  ...Array.from({ length: 6 }, (_, i) => directory(`d${i}`, 0o755, directory("sub", 0o755, file("f", `file ${i}`)))),
];

function bigFile() {
  return recipe([
    { $case: "inline", bytes: utf8("first") },
    { $case: "zeros", length: 300 * MiB },
    { $case: "inline", bytes: utf8("last") },
  ]);
}

/** MiB and bytes beyond them, and the tree. */
const VOLUMES: readonly (readonly [number, number, readonly XfsEntry[]])[] = [
  [1000, 0, bootTree(90 * MiB, 400 * MiB)],
  [1000, 0, TREE],
  [2000, 0, TREE],
  [300, 0, []],
  [433, 7 * 4096 + 512, bootTree(5 * MiB + 1, 100 * MiB)],
  // All but the last few blocks of all groups.
  [777, 12_288, bootTree(MiB, 700 * MiB)],
  [40_000, 0, BOOT.tree],
];

let tools: Xfsprogs;

async function withImage(volume: XfsVolume, judge: (path: string, folder: string) => Promise<void> | void) {
  await withFolder(async (folder) => {
    const path = join(folder, "xfs.img");
    await writeImage(path, xfsVolume(volume));
    await judge(path, folder);
  });
}

/** What mkfs.xfs reads, with the files' contents below `folder` (outputs.md 2.9.3). */
async function protofile(folder: string, tree: readonly XfsEntry[]): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const names = (kind: XfsEntry["$case"]) =>
    tree
      .filter(({ $case }) => $case === kind)
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  const lines: string[] = [];
  for (const entry of [...names("file"), ...names("directory")]) {
    const mode = entry.mode.toString(8).padStart(3, "0");
    const path = join(folder, entry.name);
    if (entry.$case === "file") {
      writeFileSync(path, await read(entry.content, NO_BLOBS));
      lines.push(`${entry.name} ---${mode} 0 0 ${path}`);
    } else lines.push(`${entry.name} d--${mode} 0 0`, await protofile(path, entry.children), "$");
  }
  return lines.join("\n");
}

describe("xfs judged by xfsprogs and GRUB", () => {
  before(async () => {
    tools = await xfsprogs();
  });

  for (const features of FEATURES) {
    it(`xfs_repair finds nothing to repair, and the log is clean: ${features}`, async () => {
      for (const sectorSize of SECTORS) {
        for (const [mib, more, tree] of VOLUMES) {
          await withImage({ ...BOOT, features, sectorSize, sizeBytes: mib * MiB + more, tree }, (path) => {
            tools.run("xfs_repair", "-n", path);
            assert.match(tools.run("xfs_logprint", "-t", path), /state: <CLEAN>/);
          });
        }
      }
    });

    it(`every byte is as mkfs.xfs has it: ${features}`, async () => {
      for (const [sectorSize, sizeBytes] of [
        [512, 1000 * MiB],
        [4096, 317 * MiB + 3 * 4096],
      ] as const) {
        const tree = [...BOOT.tree, directory("more", 0o755, file("kernel", KERNEL), file("empty", ""))];
        await withImage({ ...BOOT, features, sectorSize, sizeBytes, tree }, async (path, folder) => {
          const theirs = join(folder, "mkfs.img");
          const proto = join(folder, "proto");
          writeFileSync(proto, `boot\n0 0\nd--755 0 0\n${await protofile(join(folder, "tree"), tree)}\n$\n`);
          writeFileSync(theirs, "");
          truncateSync(theirs, sizeBytes);
          const size = ["-s", `size=${sectorSize}`, "-p", proto, "-m", `uuid=${BOOT.uuid}`, theirs];
          tools.run(
            "mkfs.xfs",
            "-q",
            "-n",
            "ftype=1",
            "-c",
            `options=${tools.options(features)}`,
            "-f",
            "-L",
            "BOOT",
            ...size,
          );
          execFileSync("cmp", [path, theirs], { stdio: "pipe" });
        });
      }
    });

    it(`xfs_db finds the fields and the files: ${features}`, async () => {
      await withImage({ ...BOOT, features, tree: TREE }, async (path, folder) => {
        const fields = tools.run("xfs_db", "-r", "-c", "sb 0", "-c", "p fname uuid agcount versionnum logblocks", path);
        assert.match(fields, /fname = "BOOT\\000/);
        assert.match(fields, new RegExp(`uuid = ${BOOT.uuid}\nagcount = 4\nversionnum = 0xb4b5\nlogblocks = 16384`));
        const target = join(folder, "files");
        mkdirSync(target);
        tools.run("xfs_db", "-r", "-c", `rdump / ${target}`, path);
        assertSame(treeOnDisk(target, 0o777), await expectedOnDisk(TREE, 0o777));
      });
    });
  }

  it("GRUB reads what its age lets it", async () => {
    for (const features of ["lts_6.1", "lts_6.12"] as const) {
      for (const sectorSize of SECTORS) {
        await withImage({ ...BOOT, features, sectorSize, tree: TREE }, async (path) => {
          const grub = (...args: string[]) => execFileSync("grub-fstest", [path, ...args], { maxBuffer: 8 * MiB });
          assert.ok(grub("cat", "/A/vmlinuz").equals(await read(KERNEL, NO_BLOBS)));
          assert.equal(grub("cat", "/grub/leaf/module-399.mod").toString(), "module 399".repeat(399));
          assert.equal(grub("ls", "/grub/block").toString().trim().split(" ").length, 50);
          assert.equal(grub("ls", "/grub/leaf").toString().trim().split(" ").length, 400);
        });
      }
    }
  });
});
