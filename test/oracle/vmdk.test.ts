import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { KiB, MiB } from "../../src/bytes/align.ts";
import { sha256 } from "../../src/bytes/digest.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { blob, concat, inline, place, type Recipe, read, zeros } from "../../src/extents/index.ts";
import { ovaFiles } from "../../src/formats/ova/index.ts";
import { tarArchive } from "../../src/formats/tar/index.ts";
import { ID, mixedVmdk } from "../formats/vmdk/support.ts";
import { qemuImg } from "../support/qemu-img.ts";
import { MemoryBlobs, noise } from "../support/recipes.ts";
import { withFolder, writeImage } from "../support/write-image.ts";

const blobs = new MemoryBlobs();
const NOISE = blobs.add(noise(9 * MiB));

function disk(size: number): Recipe {
  return place(size, [
    { offset: 100_000, content: inline(utf8("hello")) },
    { offset: 5 * MiB + 5000, content: concat(inline(noise(1000)), blob(NOISE, 9 * MiB), zeros(64 * KiB)) },
    { offset: size - 512, content: inline(noise(512)) },
  ]);
}

test("qemu-img reads the disk back and says what it is", async () => {
  await withFolder(async (folder) => {
    const at = (name: string): string => join(folder, name);
    for (const size of [32 * MiB, 1246 * MiB, 1246 * MiB + 5 * 512, 8192 * MiB]) {
      const whole = disk(size);
      await writeImage(at("disk.raw"), whole, blobs);
      await writeImage(at("disk.vmdk"), await mixedVmdk(whole, blobs), blobs);
      qemuImg("compare", "-f", "raw", "-F", "vmdk", at("disk.raw"), at("disk.vmdk"));
      assert.match(qemuImg("check", "-f", "vmdk", at("disk.vmdk")), /^No errors were found/);
      const info = JSON.parse(qemuImg("info", "--output=json", at("disk.vmdk")));
      assert.deepEqual([info.format, info["virtual-size"], info["cluster-size"]], ["vmdk", size, 65536]);
      const { data } = info["format-specific"];
      assert.deepEqual([data.cid, data["create-type"]], [Number.parseInt(ID.slice(-8), 16), "streamOptimized"]);
    }
  });
});

test("tar and sha256sum read an OVA", async () => {
  await withFolder(async (folder) => {
    const vmdk = await mixedVmdk(disk(64 * MiB), blobs);
    const digest = sha256(await read(vmdk, blobs));
    const owner = { user: "root", group: "root" };
    const files = ovaFiles(vmdk, digest, 64 * MiB).map((file) => ({ ...file, mode: 0o644, mtime: 0, owner }));
    await writeImage(join(folder, "disk.ova"), tarArchive(files), blobs);
    const run = (tool: string, ...args: readonly string[]): string =>
      execFileSync(tool, args, { cwd: folder, encoding: "utf8", stdio: "pipe" });
    assert.equal(run("tar", "tf", "disk.ova"), "disk.ovf\ndisk.mf\ndisk.vmdk\n");
    run("tar", "xf", "disk.ova");
    const sums = run("sha256sum", "--tag", "disk.vmdk", "disk.ovf");
    assert.equal(run("cat", "disk.mf"), sums.replaceAll("SHA256 (", "SHA256(").replaceAll(") =", ")="));
    assert.match(qemuImg("check", "-f", "vmdk", join(folder, "disk.vmdk")), /^No errors were found/);
  });
});
