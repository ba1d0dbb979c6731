import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { grubModules } from "../../fixtures/grub.ts";
import { buildFixture, VERSION } from "../../fixtures/release.ts";
import { OLD_VERSION } from "../../fixtures/versions.ts";
import { Sha256Stream } from "../../src/bytes/digest.ts";
import { filesIn, type TestFactory, testFactory } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { postSchematic } from "../support/server.ts";

/** What is ordered: schematic, version, paths whose bytes are compared, and paths too large to read, compared by tag and size. */
const ORDERS: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
  [
    "",
    VERSION,
    [
      ...["kernel-amd64", "cmdline-metal-amd64", "initramfs-amd64.xz", "metal-amd64-uki.efi", "metal-amd64.iso"],
      ...["metal-amd64.raw.zst", "metal-amd64.raw.xz", "gcp-amd64.raw.tar.gz", "hcloud-amd64.raw.gz"],
      ...["metal-amd64.qcow2", "vmware-amd64.ova", "azure-amd64.vhd.xz", "metal-arm64.iso"],
    ],
    ["metal-amd64.raw", "azure-amd64.vhd"],
  ],
  ["grub", VERSION, ["metal-amd64.iso", "metal-amd64.raw.zst"], ["metal-amd64.raw"]],
  ["", OLD_VERSION, ["initramfs-amd64.xz", "metal-amd64.iso", "metal-amd64.raw.zst"], ["metal-amd64.raw"]],
];

function schematic(bootloader: string, marker: string): string {
  const chosen = bootloader === "" ? "" : `\n  bootloader: ${bootloader}`;
  return `customization:
  extraKernelArgs: [console=ttyS0, ${marker}]
  meta: [{ key: 10, value: a value }]
  systemExtensions:
    officialExtensions: [siderolabs/hello-world, siderolabs/intel-ucode]${chosen}
`;
}

async function digestOf(response: Response): Promise<string> {
  const hash = new Sha256Stream();
  for await (const chunk of response.body!) hash.update(chunk);
  return hash.digest();
}

/** Tag, size and, where it is read, digest of every asset of every order. */
async function everything(url: string, marker: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const [bootloader, version, read, compared] of ORDERS) {
    const id = await postSchematic(url, schematic(bootloader, marker));
    for (const path of [...read, ...compared]) {
      const method = read.includes(path) ? "GET" : "HEAD";
      const response = await fetch(`${url}/image/${id}/${version}/${path}`, { method });
      assert.equal(response.status, 200, `${path}: ${response.status === 200 ? "" : await response.text()}`);
      const { headers } = response;
      const digest = method === "GET" ? await digestOf(response) : "";
      found[`${bootloader} ${version} ${path}`] = `${headers.get("etag")} ${headers.get("content-length")} ${digest}`;
    }
  }
  return found;
}

describe("the same order", () => {
  let layout = "";
  let publicKey = "";
  let grubFolder = "";
  before(async () => {
    const fixture = await buildFixture(() => undefined);
    [layout, publicKey] = [fixture.layout, await readFile(fixture.publicKey, "utf8")];
    grubFolder = await grubModules(() => undefined);
  });
  const zone = process.env.TZ;
  after(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  async function served<T>(dataFolder: string, threads: number, work: (url: string) => Promise<T>): Promise<T> {
    const options = {
      source: { $case: "layout", folder: layout },
      publicKey,
      grubFolder,
      dataFolder,
      threads,
    } as const;
    await using factory: TestFactory = await testFactory(options);
    return await work(await factory.app.listen({ host: "127.0.0.1", port: 0 }));
  }

  it("gives the same bytes with an empty data folder, in another time zone, with another number of threads", async () => {
    await using one = await temporaryFolder();
    await using two = await temporaryFolder();
    process.env.TZ = "Pacific/Kiritimati";
    const first = await served(one.path, 1, (url) => everything(url, "run=1"));
    process.env.TZ = "America/Nome";
    const second = await served(two.path, 3, (url) => everything(url, "run=1"));
    assert.deepEqual(second, first);
    // The first data folder again, after a restart.
    assert.deepEqual(await served(one.path, 2, (url) => everything(url, "run=1")), first);

    const blobs = async (): Promise<ReadonlyMap<string, number>> => {
      const names = (await filesIn(one.path)).filter((name) => name.startsWith("/oci/blobs/"));
      const sizes = names.map(async (name): Promise<[string, number]> => [name, (await stat(one.path + name)).size]);
      return new Map(await Promise.all(sizes));
    };
    const before = await blobs();
    await served(one.path, 2, (url) => everything(url, "run=2"));
    const added = [...(await blobs())].filter(([name]) => !before.has(name)).map(([, size]) => size);
    const image = Number(first[` ${VERSION} metal-amd64.raw.zst`]!.split(" ")[1]);
    const total = added.reduce((sum, size) => sum + size, 0);
    const orders = ORDERS.flatMap(([, , read, compared]) => [...read, ...compared]).length;
    assert.ok(total < 0.01 * image * orders, `${total} bytes for ${orders} assets; an image has ${image}`);
  });
});
