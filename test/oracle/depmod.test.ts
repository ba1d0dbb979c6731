import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { fetchPackages } from "../../fixtures/apt.ts";
import { CACHE } from "../../fixtures/paths.ts";
import { OLD_VERSION, VERSION } from "../../fixtures/release.ts";
import { readCpio } from "../../src/formats/cpio/index.ts";
import { type KmodRelease, moduleIndexes, readModule, selectModules } from "../../src/formats/kmod/index.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { order } from "../boot/order.ts";
import { listsOf, modulesOf, treeFiles } from "../formats/kmod/tree.ts";

const { codec } = loadCodec();
const KERNEL = "6.1.0-test";
/** The judge of a whole initramfs is the release of kmod the reference used. */
const REFERENCE: KmodRelease = 30;
/** One module in so many of the distribution's kernel is taken. */
const SHARE = 12;
const CPIO_LIMITS = { maxEntries: 10_000, maxFileBytes: 2 ** 30, maxTotalBytes: 2 ** 32 };

type Files = ReadonlyMap<string, Uint8Array>;

/** Whose behaviour the installed depmod has. */
function installed(): KmodRelease {
  const text = execFileSync("depmod", ["--version"], { encoding: "utf8" });
  const version = Number(/^kmod version (\d+)/.exec(text)?.[1]);
  assert.ok(version >= 30, text);
  if (version >= 34) return 34;
  return version >= 33 ? 33 : 30;
}

async function filesBelow(root: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.slice(root.length + 1), await readFile(path));
  }
  return files;
}

/** The lists among a release's files. */
function lists(files: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  return new Map([...files].filter(([name]) => /^modules\.[^/]*$/.test(name)));
}

function assertSame(made: ReadonlyMap<string, Uint8Array>, expected: ReadonlyMap<string, Buffer>): void {
  assert.deepEqual([...made.keys()].sort(), [...expected.keys()].sort());
  for (const [name, bytes] of made) assert.ok(expected.get(name)!.equals(bytes), `${name} differs`);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function unxz(packed: Uint8Array): Promise<Buffer> {
  return collect(
    codec.unxz(
      (async function* () {
        yield packed;
      })(),
    ),
  );
}

describe("depmod", () => {
  const kmod = installed();
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "depmod-oracle-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Without what another release of kmod than the reference's writes otherwise, when that is installed. */
  function comparable(files: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
    return new Map([...files].filter(([name]) => kmod === REFERENCE || !/\.bin$|weakdep$/.test(name)));
  }

  /** Runs depmod over `<root>/lib/modules/<kernel>` as the reference does (imager.md 5.4). */
  async function depmod(root: string, kernel: string): Promise<void> {
    const config = join(folder, "10-extra-modules.conf");
    await writeFile(config, "search extras built-in\n");
    const args = ["--all", "--basedir", root, "--config", config, kernel];
    execFileSync("depmod", args, { stdio: ["ignore", "ignore", "pipe"] });
  }

  /** All lists beside `files` once depmod was there. */
  async function listsAfter(files: Files): Promise<Map<string, Buffer>> {
    const root = await mkdtemp(join(folder, "tree-"));
    const modules = join(root, "lib/modules", KERNEL);
    for (const [path, bytes] of files) {
      await mkdir(dirname(join(modules, path)), { recursive: true });
      await writeFile(join(modules, path), bytes);
    }
    await depmod(root, KERNEL);
    return lists(await filesBelow(modules));
  }

  it("leaves the same files beside a tree with every rule in it", async () => {
    const files = treeFiles();
    const made = moduleIndexes({ modules: modulesOf(files), lists: listsOf(files), release: kmod });
    const before = [...files].filter(([name]) => name.startsWith("modules."));
    assertSame(new Map([...before, ...made.map(({ name, bytes }) => [name, bytes] as const)]), await listsAfter(files));
  });

  it("leaves the same files beside packed modules of a distribution's kernel", async () => {
    const packages = await fetchPackages(join(CACHE, "debs"), () => undefined);
    const kernel = packages.find(({ role, architecture }) => role === "kernel" && architecture === "amd64");
    execFileSync("dpkg-deb", ["-x", kernel!.path, join(folder, "kernel")]);
    const [release] = await readdir(join(folder, "kernel/usr/lib/modules"));
    const all = await filesBelow(join(folder, "kernel/usr/lib/modules", release!));
    const files = new Map([...all].filter(([path], i) => path.startsWith("modules.") || i % SHARE === 0));
    const modules = [];
    for (const path of selectModules(files.keys())) {
      modules.push({ path, facts: readModule(await unxz(files.get(path)!), path) });
    }
    assert.ok(modules.length > 300);
    const made = moduleIndexes({ modules, lists: listsOf(files), release: kmod });
    assertSame(
      new Map([...lists(files), ...made.map(({ name, bytes }) => [name, bytes] as const)]),
      await listsAfter(files),
    );
  });

  const vectors = [
    { version: VERSION, arch: "amd64", libraries: "usr" },
    { version: VERSION, arch: "arm64", libraries: "usr" },
    { version: OLD_VERSION, arch: "amd64", libraries: "." },
  ];
  for (const { version, arch, libraries } of vectors) {
    it(`leaves the same files beside the modules of ${version} for ${arch} and of its extension`, async () => {
      const extensions = ["siderolabs/hello-world", "siderolabs/sample-modules"];
      await using ordered = await order({ version, console: "ttyS0", extensions, metaValue: "" });
      const parts = await mkdtemp(join(folder, "parts-"));
      await unpackArchives(await ordered.download(`initramfs-${arch}.xz`), parts);
      const root = join(parts, "root");
      const depFolder = join(parts, "dep");
      for (const image of ["rootfs", "0", "1", "2"]) unsquash(join(parts, `${image}.sqsh`), root);
      unsquash(join(parts, "modules.dep.sqsh"), depFolder);
      const [kernel] = await readdir(join(root, libraries, "lib/modules"));
      await depmod(join(root, libraries), kernel!);
      const expected = comparable(lists(await filesBelow(join(root, libraries, "lib/modules", kernel!))));
      assert.match(expected.get("modules.dep")!.toString("latin1"), /^extras\/dummy\.ko:/m);
      assertSame(comparable(await filesBelow(join(depFolder, libraries, "lib/modules", kernel!))), expected);
      const { layers } = parse(await readFile(join(parts, "extensions.yaml"), "utf8"));
      const metadata = {
        name: "modules.dep",
        version: kernel,
        author: "Talos Machinery",
        description: "Combined modules.dep for all extensions",
        compatibility: { talos: { version: "" } },
      };
      assert.deepEqual(layers.at(-1), { image: "modules.dep.sqsh", metadata });
    });
  }
});

/** Writes every file of an initramfs's archives to one folder. */
async function unpackArchives(initramfs: string, folder: string): Promise<void> {
  for await (const record of readCpio(codec.unzstd(createReadStream(initramfs)), CPIO_LIMITS)) {
    if (record.type === "file" && !record.path.includes("/")) {
      await writeFile(join(folder, record.path), await collect(record.body));
    }
  }
}

function unsquash(image: string, into: string): void {
  execFileSync("unsquashfs", ["-n", "-f", "-no-xattrs", "-d", into, image], { stdio: ["ignore", "ignore", "pipe"] });
}
