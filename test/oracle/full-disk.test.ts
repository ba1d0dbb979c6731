import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import type { Digest } from "../../src/bytes/digest.ts";
import { type ChildServer, childServer } from "../support/child-server.ts";
import { checkDataFolder } from "../support/data-folder.ts";
import { temporaryFolder } from "../support/folder.ts";
import { digestOf, type LayoutSource, ORDERS, type Order, orderUrl, tinyLayout } from "../support/orders.ts";

const run = promisify(execFile);

/** More than the tiny release needs, less than what it needs beside a file of its size. */
const TMPFS_BYTES = 1024 * 1024;
/** Room that is left at first: enough for a schematic, not for the boot files. */
const ROOM_BYTES = 64 * 1024;
/** Blocks of 512 bytes a file may have under `ulimit -f`: records and schematics fit, boot files do not. */
const FILE_BLOCKS = 32;

const SMALL: Order = ["customization: {}\n", "cmdline-metal-amd64"];
const LARGE = ORDERS[3]!;

/** How this machine mounts a small file system for one process: as root, or in a user namespace of its own. */
function mounter(): readonly string[] | undefined {
  const ways = [
    ["unshare", "--mount"],
    ["unshare", "--mount", "--map-root-user"],
  ];
  return ways.find(
    ([command, ...args]) =>
      spawnSync(command!, [...args, "mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"]).status === 0,
  );
}

describe("a full disk", () => {
  let layout: LayoutSource;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let expected: Digest;

  before(async () => {
    layout = await tinyLayout();
    folder = await temporaryFolder();
    await using reference = await childServer({ ...layout, data: join(folder.path, "reference") });
    expected = await digestOf(await orderUrl(reference.url, LARGE));
  });
  after(async () => {
    await layout[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** The request that needs room fails with 507 and leaves nothing; what needs none is served meanwhile. */
  const refuses = async (server: ChildServer, data: string): Promise<void> => {
    const url = await orderUrl(server.url, LARGE);
    for (let attempt = 0; attempt < 3; attempt++) {
      const answer = await fetch(url);
      assert.deepEqual([answer.status, await answer.text()], [507, "the server's data folder is full\n"]);
      assert.equal(answer.headers.get("etag"), null);
    }
    assert.match(await (await fetch(await orderUrl(server.url, SMALL))).text(), /^talos\.platform=metal /);
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
    assert.deepEqual((await checkDataFolder(data)).wrong, []);
    assert.deepEqual(await readdir(join(data, "tmp")), []);
    const failed = server.lines.filter(({ status }) => status === 507);
    assert.equal(failed.length, 3);
    assert.match(String(failed[0]!.error), /no space left/);
  };
  const recovers = async (server: ChildServer, data: string): Promise<void> => {
    assert.equal(await digestOf(await orderUrl(server.url, LARGE)), expected);
    assert.deepEqual((await checkDataFolder(data)).wrong, []);
    assert.deepEqual(await readdir(join(data, "tmp")), []);
  };

  it("that is a limit of file sizes, which needs no privilege", async () => {
    const data = join(folder.path, "limited");
    const wrapper = ["sh", "-c", `ulimit -S -f ${FILE_BLOCKS} && exec "$@"`, "limited"];
    await using server = await childServer({ ...layout, data, wrapper });
    await refuses(server, data);
    await run("prlimit", ["--pid", String(server.child.pid), "--fsize=unlimited:"]);
    await recovers(server, data);
  });

  it("that is a small tmpfs", async (t) => {
    const mount = mounter();
    if (!mount) {
      t.diagnostic("neither root nor a user namespace may mount here: the limit of file sizes stands for both");
      return;
    }
    t.diagnostic(`mounted by ${mount.join(" ")}`);
    const inside = join(folder.path, "small");
    await mkdir(inside);
    const prepare = [
      `mount -t tmpfs -o size=${TMPFS_BYTES} none "$0"`,
      `head -c ${TMPFS_BYTES - ROOM_BYTES} /dev/zero > "$0/ballast"`,
      'exec "$@"',
    ];
    const wrapper = [...mount, "sh", "-c", prepare.join(" && "), inside];
    await using server = await childServer({ ...layout, data: join(inside, "data"), wrapper });
    // The mount is seen only by the server's process; this is the way to it from outside.
    const outside = join(`/proc/${server.child.pid}/root`, inside);
    const data = join(outside, "data");
    await refuses(server, data);
    await rm(join(outside, "ballast"));
    await recovers(server, data);
    // Full to the last byte: not even a schematic fits, and what is there is still served.
    await assert.rejects(writeFile(join(outside, "ballast"), new Uint8Array(2 * TMPFS_BYTES)), { code: "ENOSPC" });
    const schematic = "customization:\n  extraKernelArgs: [some=more]\n";
    const refused = await fetch(`${server.url}/schematics`, { method: "POST", body: schematic });
    assert.deepEqual([refused.status, await refused.text()], [507, "the server's data folder is full\n"]);
    assert.equal(await digestOf(await orderUrl(server.url, LARGE)), expected);
    await rm(join(outside, "ballast"));
    assert.equal((await fetch(`${server.url}/schematics`, { method: "POST", body: schematic })).status, 201);
    await recovers(server, data);
  });
});
