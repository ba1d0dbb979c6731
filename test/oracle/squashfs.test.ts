import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, openAsBlob, readdirSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { SquashfsCompression } from "../../src/formats/squashfs/index.ts";
import { superblock } from "../../src/formats/squashfs/layout.ts";
import { build, type Item, MTIME, noise, treeOf } from "../formats/squashfs/support.ts";
import { contents, treeOnDisk } from "../support/tree-on-disk.ts";

const BLOCK = 131072;
const ZSTD: SquashfsCompression = { $case: "zstd", level: 18 };
const XZ: SquashfsCompression = { $case: "xz" };
const PRIVILEGED = process.getuid?.() === 0;
const UTC = { ...process.env, TZ: "UTC" };

const file = (
  path: string,
  bytes: Uint8Array | string,
  rest: { mode?: number; xattrs?: Record<string, string> } = {},
): Item => ({
  $case: "file",
  path,
  bytes: Buffer.from(bytes),
  ...rest,
});
const textOf = (size: number): Buffer => Buffer.alloc(size, "The quick brown fox jumps over the lazy dog. ");

/** Sizes around everything that matters, three ways to compress, holes, depth, links and odd names. */
function edgeCases(): Item[] {
  const items: Item[] = [{ $case: "directory", path: "", mode: 0o755 }];
  for (const size of [0, 1, 4095, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 7]) {
    items.push(file(`sizes/noise-${size}`, noise(size, size + 1)), file(`sizes/text-${size}`, textOf(size)));
    items.push(file(`sizes/zeros-${size}`, Buffer.alloc(size)));
  }
  items.push(
    file("holes/inside", Buffer.concat([noise(BLOCK), Buffer.alloc(2 * BLOCK), noise(100)])),
    file("holes/before", Buffer.concat([Buffer.alloc(BLOCK), noise(BLOCK + 1)])),
    file("holes/after", Buffer.concat([noise(BLOCK), Buffer.alloc(BLOCK + 9)])),
    file("copy/noise", noise(3 * BLOCK + 7, 3 * BLOCK + 8)),
    file(`${"deep/".repeat(60)}leaf`, "deep"),
    file("modes/readonly", "x", { mode: 0o555 }),
    { $case: "directory", path: "modes", mode: 0o1777 },
    { $case: "directory", path: "empty", mode: 0o700 },
    file(`names/${"n".repeat(255)}`, "long"),
    file("names/Grüße €", "text"),
    { $case: "symlink", path: "names/link", target: "../modes/readonly" },
    { $case: "symlink", path: "names/longlink", target: "x/".repeat(2000) },
    { $case: "link", path: "names/again", existing: "sizes/text-4095" },
  );
  return items;
}

function sorted(tree: Map<string, string>): [string, string][] {
  return [...tree].sort(([a], [b]) => (a < b ? -1 : 1));
}

describe("squashfs-tools", () => {
  let dir: string;
  let count = 0;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "squashfs-oracle-"));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  async function save(image: Uint8Array): Promise<string> {
    const path = join(dir, `${count++}.sqsh`);
    await writeFile(path, image);
    return path;
  }
  async function unpack(image: Uint8Array): Promise<string> {
    const path = await save(image);
    const root = `${path}.d`;
    // Labels can be set by root only.
    const xattrs = PRIVILEGED ? [] : ["-user-xattrs"];
    execFileSync("unsquashfs", ["-q", "-n", "-strict-errors", ...xattrs, "-d", root, path], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return root;
  }

  for (const compression of [ZSTD, XZ]) {
    it(`unpacks ${compression.$case} images`, async () => {
      const image = await build(edgeCases(), { compression });
      const root = await unpack(image);
      const disk = treeOnDisk(root);
      assert.deepEqual(sorted(disk), sorted(await treeOf(image)));
      assert.equal(disk.get("sizes/noise-131073"), `file 644 ${contents(noise(BLOCK + 1, BLOCK + 2))}`);
      assert.equal((await stat(join(root, "modes"))).mtimeMs, MTIME * 1000);
      assert.equal((await stat(join(root, "names/again"))).nlink, 2);
    });

    it(`describes ${compression.$case} images as those of mksquashfs`, async () => {
      const tree = join(dir, `tree-${compression.$case}`);
      await mkdir(tree);
      await writeFile(join(tree, "file"), "text\n");
      const theirs = `${tree}.sqsh`;
      mksquashfs(tree, theirs, compression);
      const ours = await save(await build([file("file", "text\n")], { compression }));
      const describeImage = (path: string) =>
        execFileSync("unsquashfs", ["-s", path], { encoding: "utf8" })
          .split("\n")
          .filter((line) => !/superblock on|time|size \d+ bytes/.test(line));
      assert.deepEqual(describeImage(ours), describeImage(theirs));
    });
  }

  function mksquashfs(
    tree: string,
    into: string,
    compression: SquashfsCompression,
    extra: readonly string[] = [],
  ): void {
    const how =
      compression.$case === "xz"
        ? ["xz", "-Xdict-size", "100%"]
        : ["zstd", "-Xcompression-level", String(compression.level)];
    const common = ["-all-root", "-noappend", "-no-progress", "-quiet"];
    execFileSync("mksquashfs", [tree, into, ...common, ...extra, "-comp", ...how], {
      stdio: ["ignore", "ignore", "pipe"],
    });
  }

  it("writes images we read, tails in fragments and all", async () => {
    const tree = join(dir, "foreign");
    await mkdir(join(tree, "a/b"), { recursive: true });
    await writeFile(join(tree, "a/tail"), noise(2 * BLOCK + 99));
    await writeFile(join(tree, "a/holes"), Buffer.concat([Buffer.alloc(2 * BLOCK), textOf(BLOCK + 1)]));
    await writeFile(join(tree, "a/b/small"), "small");
    for (const compression of [ZSTD, XZ]) {
      for (const extra of [[], ["-always-use-fragments"], ["-noI", "-noD", "-noF"], ["-b", "8192"]]) {
        const image = `${tree}.sqsh`;
        mksquashfs(tree, image, compression, extra);
        assert.deepEqual(sorted(await treeOf(await readFile(image))), sorted(treeOnDisk(tree)));
      }
    }
  });

  it("lists owners, times, devices and link counts", async () => {
    const image = await build([
      file("d/file", "12345", { mode: 0o6755 }),
      { $case: "special", path: "null", mode: 0o666, special: { $case: "char", major: 1, minor: 3 } },
      { $case: "special", path: "disk", mode: 0o660, special: { $case: "block", major: 259, minor: 7 } },
      { $case: "special", path: "pipe", mode: 0o600, special: { $case: "fifo" } },
      { $case: "special", path: "sock", mode: 0o600, special: { $case: "socket" } },
    ]);
    const lines = execFileSync("unsquashfs", ["-lln", await save(image)], { encoding: "utf8", env: UTC });
    assert.deepEqual(
      lines
        .trim()
        .split("\n")
        .map((line) => line.replace(/\s+/g, " ")),
      [
        "drwxr-xr-x 0/0 72 2019-06-01 21:34 squashfs-root",
        "drwxr-xr-x 0/0 27 2019-06-01 21:34 squashfs-root/d",
        "-rwsr-sr-x 0/0 5 2019-06-01 21:34 squashfs-root/d/file",
        "brw-rw---- 0/0 259, 7 2019-06-01 21:34 squashfs-root/disk",
        "crw-rw-rw- 0/0 1, 3 2019-06-01 21:34 squashfs-root/null",
        "prw------- 0/0 0 2019-06-01 21:34 squashfs-root/pipe",
        "srw------- 0/0 0 2019-06-01 21:34 squashfs-root/sock",
      ],
    );
  });

  it("finds the extended attributes", async () => {
    const label = { "security.selinux": "system_u:object_r:lib_t:s0" };
    const image = await build([
      { $case: "directory", path: "", mode: 0o755, xattrs: label },
      file("labelled", "x", { xattrs: { ...label, "user.note": "a note", "trusted.t": "" } }),
      file("same", "y", { xattrs: label }),
      file("none", "z"),
      { $case: "symlink", path: "link", target: "none", xattrs: label },
    ]);
    const path = await save(image);
    assert.match(execFileSync("unsquashfs", ["-s", path], { encoding: "utf8" }), /Number of xattr ids 2/);
    const root = await unpack(image);
    const script = [
      "import json, os, sys",
      "names = lambda at: {n: os.getxattr(at, n, follow_symlinks=False).decode() for n in os.listxattr(at, follow_symlinks=False)}",
      "print(json.dumps({p: names(os.path.join(sys.argv[1], p)) for p in ['', 'labelled', 'same', 'none', 'link']}))",
    ].join("\n");
    const found = JSON.parse(execFileSync("python3", ["-c", script, root], { encoding: "utf8" }));
    const shown = PRIVILEGED ? label : {};
    assert.deepEqual(found, {
      "": shown,
      labelled: { ...shown, "user.note": "a note", ...(PRIVILEGED ? { "trusted.t": "" } : {}) },
      same: shown,
      none: {},
      link: shown,
    });
  });

  it("reads long listings through their index", async () => {
    const many: Item[] = Array.from({ length: 2000 }, (_, i) => file(`dir/${i}-${"x".repeat(100)}`, String(i)));
    const image = await build(many, { compression: { $case: "zstd", level: 1 } });
    const path = await save(image);
    const one = execFileSync("unsquashfs", ["-cat", path, `dir/1999-${"x".repeat(100)}`], { encoding: "utf8" });
    assert.equal(one, "1999");
    const listing = execFileSync("unsquashfs", ["-l", path], { encoding: "utf8", maxBuffer: 2 ** 24 });
    assert.equal(listing.trim().split("\n").length, 2002);
  });

  it("counts more than 65536 entries of one directory", async () => {
    const many: Item[] = Array.from({ length: 66_000 }, (_, i) => ({ $case: "symlink", path: `d/${i}`, target: "t" }));
    const image = await build(many, { compression: { $case: "zstd", level: 1 } });
    const listing = execFileSync("unsquashfs", ["-l", await save(image)], { encoding: "utf8", maxBuffer: 2 ** 26 });
    assert.equal(listing.trim().split("\n").length, 66_002);
  });

  for (const compression of [ZSTD, XZ]) {
    it(`makes ${compression.$case} images as small as mksquashfs does`, async () => {
      const tree = join(dir, `size-${compression.$case}`);
      cpSync(join(import.meta.dirname, "../../src"), tree, { recursive: true });
      const binary = await (await openAsBlob(process.execPath)).slice(2 ** 23, 2 ** 23 + 3_000_000).arrayBuffer();
      await writeFile(join(tree, "binary"), new Uint8Array(binary));
      const items: Item[] = [];
      for (const path of readdirSync(tree, { recursive: true, encoding: "utf8" }).sort()) {
        const isFile = (await stat(join(tree, path))).isFile();
        items.push(isFile ? file(path, await readFile(join(tree, path))) : { $case: "directory", path, mode: 0o755 });
      }
      const theirs = `${tree}.sqsh`;
      mksquashfs(tree, theirs, compression);
      const limit = superblock.decode(await readFile(theirs)).bytesUsed * 1.03;
      const ours = superblock.decode(await build(items, { compression })).bytesUsed;
      assert.ok(ours <= limit, `${ours} bytes, mksquashfs and 3 %: ${limit}`);
    });
  }
});
