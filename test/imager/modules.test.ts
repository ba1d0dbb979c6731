import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { inline, read } from "../../src/extents/index.ts";
import { cpioArchive, readCpio } from "../../src/formats/cpio/index.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { moduleFile } from "../formats/kmod/support.ts";
import { build, chunked, MTIME } from "../formats/squashfs/support.ts";
import { type TestFactory, testFactory } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addCatalogue, addExtension, bootFiles, extensionFiles, VERSION } from "../support/release.ts";
import { layer } from "../support/tar.ts";

const { codec } = loadCodec();
const KERNEL = "6.18.0-test";
const MODULES = `usr/lib/modules/${KERNEL}`;
const LIMITS = { maxEntries: 1000, maxFileBytes: 2 ** 30, maxTotalBytes: 2 ** 30 };
const NO_BLOBS = { read: () => Promise.reject(new Error("no blob is needed")) };

/** A release whose base has one module, with extensions `drivers` and `more` that have some, and `alpha` without. */
async function writeRelease(folder: string) {
  const key = freshKey();
  const registry = new TestRegistry();
  const rootfs = await build([
    { $case: "file", path: `${MODULES}/kernel/base.ko`, bytes: moduleFile({ exports: ["base"] }) },
    { $case: "file", path: `${MODULES}/modules.order`, bytes: Buffer.from("kernel/base.ko\n") },
  ]);
  const archive = cpioArchive([
    { $case: "file", path: "rootfs.sqsh", mode: 0o644, mtime: MTIME, body: inline(rootfs) },
  ]);
  const initramfs = await codec.zstd(await read(archive, NO_BLOBS), { level: 3 });
  const boot = bootFiles().map((member) =>
    member.name.includes("initramfs") ? { ...member, body: initramfs } : member,
  );
  registry.release("siderolabs/imager", VERSION, [{ bytes: await layer(boot) }], key);
  const module = (name: string) => moduleFile({ needs: ["base"], info: [`alias=of-${name}`] });
  const extensions = [await addExtension(registry, "alpha", extensionFiles("alpha"), key)];
  for (const name of ["drivers", "more"]) {
    const member = { name: `rootfs/${MODULES}/extras/${name}.ko`, body: module(name) };
    extensions.push(await addExtension(registry, name, [...extensionFiles(name), member], key));
  }
  await addCatalogue(registry, VERSION, extensions, key);
  await registry.writeLayout(folder);
  return pemOf(key);
}

/** The files of the schematic's initramfs in order, with their bytes. */
async function initramfsOf({ app }: TestFactory, names: readonly string[], args: readonly string[] = []) {
  const officialExtensions = names.map((name) => `siderolabs/${name}`);
  const schematic = { customization: { extraKernelArgs: args, systemExtensions: { officialExtensions } } };
  const posted = await app.inject({ method: "POST", url: "/schematics", payload: JSON.stringify(schematic) });
  const { id } = posted.json() as { id: string };
  const answer = await app.inject({ url: `/image/${id}/${VERSION}/initramfs-amd64.xz` });
  assert.equal(answer.statusCode, 200, answer.body);
  const files = new Map<string, Buffer>();
  for await (const record of readCpio(codec.unzstd(chunked(answer.rawPayload)), LIMITS)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of record.body) pieces.push(piece);
    files.set(record.path, Buffer.concat(pieces));
  }
  return files;
}

test("extensions with modules bring one more layer, last in the list and in its place in the archive", async () => {
  await using source = await temporaryFolder();
  const publicKey = await writeRelease(source.path);
  const layout = { $case: "layout", folder: source.path } as const;
  await using data = await temporaryFolder();
  await using tested = await testFactory({ source: layout, publicKey, dataFolder: data.path });

  const files = await initramfsOf(tested, ["drivers", "alpha"]);
  const names = ["rootfs.sqsh", "0.sqsh", "1.sqsh", "2.sqsh", "extensions.yaml", "modules.dep.sqsh"];
  assert.deepEqual([...files.keys()], names);
  const { layers } = parse(files.get("extensions.yaml")!.toString());
  assert.deepEqual(
    layers.map(({ image }: { image: string }) => image),
    ["0.sqsh", "1.sqsh", "2.sqsh", "modules.dep.sqsh"],
  );
  const own = { name: "modules.dep", version: KERNEL, author: "Talos Machinery" };
  const description = "Combined modules.dep for all extensions";
  assert.deepEqual(layers[3].metadata, { ...own, description, compatibility: { talos: { version: "" } } });
  const made = files.get("modules.dep.sqsh")!;
  assert.equal(made.toString("latin1", 0, 4), "hsqs");

  // Another kernel argument needs no depmod; another set of modules, or another order of them, does.
  const runs = (): number => tested.derived.filter(({ kind }) => kind === "depmod").length;
  assert.equal(runs(), 1);
  const again = await initramfsOf(tested, ["drivers", "alpha"], ["quiet"]);
  assert.ok(again.get("modules.dep.sqsh")!.equals(made));
  assert.equal(runs(), 1);
  await initramfsOf(tested, ["more", "drivers"]);
  await initramfsOf(tested, ["drivers", "more"]);
  assert.equal(runs(), 3);
  assert.ok(!(await initramfsOf(tested, ["alpha"])).has("modules.dep.sqsh"));

  await using elsewhere = await temporaryFolder();
  await using other = await testFactory({ source: layout, publicKey, dataFolder: elsewhere.path, threads: 1 });
  assert.ok((await initramfsOf(other, ["drivers", "alpha"])).get("modules.dep.sqsh")!.equals(made));
});
