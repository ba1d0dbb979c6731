import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstat, mkdtemp, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { utf8 } from "../../src/bytes/text.ts";
import { concat, inline } from "../../src/extents/index.ts";
import { type CpioEntry, cpioArchive, readCpio } from "../../src/formats/cpio/index.ts";
import { chunked, collect, drain, WIDE } from "../formats/cpio/support.ts";

const MTIME = 1559424892;
const ENTRIES: CpioEntry[] = [
  { $case: "directory", path: "usr", mode: 0o755, mtime: MTIME },
  { $case: "directory", path: "usr/lib", mode: 0o1777, mtime: MTIME },
  { $case: "file", path: "usr/lib/Grüße", mode: 0o4755, mtime: MTIME, body: inline(utf8("hello\n")) },
  { $case: "file", path: "usr/lib/empty", mode: 0o600, mtime: MTIME, body: inline(new Uint8Array()) },
  { $case: "symlink", path: "usr/lib/link", mode: 0o777, mtime: MTIME, target: "Grüße" },
  { $case: "file", path: "0.sqsh", mode: 0o644, mtime: MTIME, body: inline(new Uint8Array(70_001).fill(7)) },
];

describe("GNU cpio", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "cpio-oracle-"));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it("lists our archive", async () => {
    const input = await collect(cpioArchive(ENTRIES));
    const lines = execFileSync("cpio", ["-itv", "--quiet", "--numeric-uid-gid"], {
      input,
      encoding: "utf8",
      env: { ...process.env, TZ: "UTC" },
    });
    const rows = lines
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/));
    assert.deepEqual(
      rows.map((row) => [row[0], row[1], row[2], row[3], row[4]].join(" ")),
      [
        "drwxr-xr-x 3 0 0 0",
        "drwxrwxrwt 2 0 0 0",
        "-rwsr-xr-x 1 0 0 6",
        "-rw------- 1 0 0 0",
        "lrwxrwxrwx 1 0 0 7",
        "-rw-r--r-- 1 0 0 70001",
      ],
    );
    assert.ok(rows.every((row) => row.slice(5, 8).join(" ") === "Jun 1 2019"));
  });

  it("unpacks archives one after another", async () => {
    const second: CpioEntry[] = [
      { $case: "file", path: "extensions.yaml", mode: 0o644, mtime: 5, body: inline(utf8("layers: []\n")) },
    ];
    const both = concat(cpioArchive(ENTRIES), cpioArchive(second, { firstInode: ENTRIES.length }));
    const input = await collect(both);
    // GNU cpio stops at the first trailer, so each archive is handed over by itself, cut where the next begins.
    const cut = cpioArchive(ENTRIES).size;
    for (const part of [input.subarray(0, cut), input.subarray(cut)]) {
      execFileSync("cpio", ["-idm", "--quiet"], { input: part, cwd: dir });
    }
    assert.equal(await readFile(join(dir, "usr/lib/Grüße"), "utf8"), "hello\n");
    assert.equal(await readlink(join(dir, "usr/lib/link")), "Grüße");
    assert.equal((await lstat(join(dir, "usr/lib"))).mode & 0o7777, 0o1777);
    assert.equal((await lstat(join(dir, "0.sqsh"))).size, 70_001);
    assert.equal((await lstat(join(dir, "0.sqsh"))).mtimeMs, MTIME * 1000);
    assert.equal(await readFile(join(dir, "extensions.yaml"), "utf8"), "layers: []\n");
  });

  it("writes what we read", async () => {
    const names = "usr\nusr/lib\nusr/lib/Grüße\nusr/lib/link\n0.sqsh\n";
    const archive = execFileSync("cpio", ["-H", "newc", "--create", "--reproducible", "--quiet", "-R", "+0:+0"], {
      input: names,
      cwd: dir,
      maxBuffer: 2 ** 24,
    });
    const records = await drain(readCpio(chunked(archive), WIDE));
    assert.deepEqual(
      // cpio -m leaves the times of directories and links to the file system.
      records.map(({ path, type, mode, uid, mtime }) => [
        path,
        type,
        mode.toString(8),
        uid,
        type === "file" ? mtime : MTIME,
      ]),
      [
        ["usr", "directory", "755", 0, MTIME],
        ["usr/lib", "directory", "1777", 0, MTIME],
        ["usr/lib/Grüße", "file", "4755", 0, MTIME],
        ["usr/lib/link", "symlink", "777", 0, MTIME],
        ["0.sqsh", "file", "644", 0, MTIME],
      ],
    );
  });

  it("writes the same bytes as we do", async () => {
    const files = ENTRIES.filter((entry) => entry.$case === "file" && entry.path !== "usr/lib/empty");
    const theirs = execFileSync("cpio", ["-H", "newc", "--create", "--reproducible", "--quiet", "-R", "+0:+0"], {
      input: files.map((entry) => entry.path).join("\n"),
      cwd: dir,
      maxBuffer: 2 ** 24,
    });
    assert.ok(theirs.equals(await collect(cpioArchive(files))));
  });
});
