import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { GiB, KiB } from "../../src/bytes/align.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { type Recipe, read, slice } from "../../src/extents/index.ts";
import { FOOTER } from "../../src/formats/vhd/layout.ts";
import { type TestFactory, testFactory } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addTinyRelease, VERSION } from "../support/release.ts";

const NEVER = new AbortController().signal;

describe("disks in containers", () => {
  let source: Awaited<ReturnType<typeof temporaryFolder>>;
  let publicKey: string;
  const factories: TestFactory[] = [];
  const folders: AsyncDisposable[] = [];

  const newFactory = async (): Promise<TestFactory> => {
    const data = await temporaryFolder();
    const layout = { $case: "layout", folder: source.path } as const;
    const made = await testFactory({ source: layout, publicKey, dataFolder: data.path });
    folders.push(data);
    factories.push(made);
    return made;
  };
  const asset = async ({ factory }: TestFactory, path: string): Promise<Recipe> => {
    const { id } = await factory.putSchematic(utf8("customization: {bootloader: sd-boot}"));
    return await factory.asset({ schematic: id, version: VERSION, path }, NEVER);
  };

  before(async () => {
    source = await temporaryFolder();
    folders.push(source);
    const registry = new TestRegistry();
    const key = freshKey();
    publicKey = pemOf(key);
    await addTinyRelease(registry, key);
    await registry.writeLayout(source.path);
  });
  after(async () => {
    for (const made of factories) await made[Symbol.asyncDispose]();
    for (const folder of folders) await folder[Symbol.asyncDispose]();
  });

  it("are small where they can be, and as large as they say", async () => {
    const made = await newFactory();
    const raw = await asset(made, "azure-amd64.raw");
    const vhd = await asset(made, "azure-amd64.vhd");
    assert.equal(vhd.size, raw.size + FOOTER.size);
    assert.equal(slice(vhd, 0, raw.size).identity, raw.identity);
    const footer = FOOTER.decode(await read(vhd, made.blobs, raw.size));
    assert.deepEqual([footer.creator, footer.diskType, footer.currentSize], ["qem2", 2, raw.size]);

    assert.ok(raw.size > 8 * GiB);
    for (const path of ["metal-amd64.qcow2", "metal-amd64.vhd", "vmware-amd64.ova"]) {
      assert.ok((await asset(made, path)).size < 32 * 1024 * KiB, path);
    }
    const magic = await read(await asset(made, "metal-amd64.qcow2"), made.blobs, 0, 24);
    assert.equal(Buffer.from(magic).toString("hex"), `514649fb00000003${"00".repeat(12)}0000000d`);
  });

  it("are the same bytes wherever they are made, and are made once", async () => {
    const one = await newFactory();
    const other = await newFactory();
    for (const path of ["metal-amd64.qcow2", "azure-amd64.vhd", "metal-amd64.vhd", "vmware-amd64.ova"]) {
      const first = await asset(one, path);
      assert.equal((await asset(other, path)).identity, first.identity, path);
      const jobs = one.derived.length;
      assert.equal((await asset(one, path)).identity, first.identity, path);
      assert.equal(one.derived.length, jobs, path);
    }
    assert.ok(one.derived.some(({ kind }) => kind === "grains"));
  });

  it("stand in an OVA behind their descriptor and manifest", async () => {
    const made = await newFactory();
    const ova = await asset(made, "vmware-amd64.ova");
    const head = Buffer.from(await read(ova, made.blobs, 0, 10 * KiB));
    assert.equal(head.toString("latin1", 0, 8), "disk.ovf");
    assert.equal(ova.size % (10 * KiB), 0);
    const size = Number.parseInt(head.toString("latin1", 124, 135), 8);
    const [, vmdkBytes] = /ovf:size="(\d+)"/.exec(head.toString("utf8", 512, 512 + size))!;
    const manifest = 512 + Math.ceil(size / 512) * 512;
    assert.equal(head.toString("latin1", manifest, manifest + 7), "disk.mf");
    const vmdk = manifest + 1024;
    const [name, length, magic] = await Promise.all(
      [
        [vmdk, 9],
        [vmdk + 124, 11],
        [vmdk + 512, 4],
      ].map(async ([at, bytes]) => Buffer.from(await read(ova, made.blobs, at!, bytes!)).toString("latin1")),
    );
    assert.deepEqual([name, Number.parseInt(length!, 8), magic], ["disk.vmdk", Number(vmdkBytes), "KDMV"]);
  });
});
