import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { collect, once } from "../fixtures/bytes.ts";
import { run } from "../fixtures/command.ts";
import { LayoutWriter } from "../fixtures/oci.ts";
import { CACHE, FIXTURES } from "../fixtures/paths.ts";
import { buildFixture, VERSION } from "../fixtures/release.ts";
import { Signer } from "../fixtures/sign.ts";
import { MTIME, Tree } from "../fixtures/tree.ts";
import { type Digest, sha256 } from "../src/bytes/digest.ts";
import { compareText, concatBytes, utf8 } from "../src/bytes/text.ts";
import { inline, read } from "../src/extents/index.ts";
import type { Codec } from "../src/formats/codec.ts";
import { type CpioEntry, cpioArchive } from "../src/formats/cpio/index.ts";
import { zstdStored } from "../src/formats/zstd/index.ts";
import { DEFAULT_TREE_LIMITS, layerStreams, openImage, openSource, readFiles } from "../src/sources/index.ts";
import { publicKeyPolicy } from "../src/sources/trust/index.ts";
import { loadCodec } from "../src/workers/codec.ts";

export const BENCH = join(CACHE, "bench");

export interface Extension {
  readonly name: string;
  /** Layer of the extension's image in the layout, a gzipped tar. */
  readonly layer: string;
}

/** What is built in every run: a release as a signed OCI image layout. */
export interface Workload {
  readonly layout: string;
  readonly publicKey: string;
  readonly version: string;
  /** Folder of the boot files inside the imager image. */
  readonly bootFolder: string;
  /** Layer of the imager image. */
  readonly base: string;
  /** The two of 30 and 65 MB the measured images hold. */
  readonly extensions: readonly Extension[];
  /** Two more of 30 MB, so that four builds in parallel have something of their own to do. */
  readonly more: readonly Extension[];
}

/** Sizes in bytes. The short form is an eighth of the real one. */
export interface Sizes {
  readonly initramfs: number;
  readonly extensions: readonly number[];
  readonly more: readonly number[];
}

const MB = 1_000_000;
export const FULL: Sizes = { initramfs: 65 * MB, extensions: [30 * MB, 65 * MB], more: [30 * MB, 30 * MB] };
export const SHORT: Sizes = { initramfs: 20 * MB, extensions: [4 * MB, 8 * MB], more: [4 * MB, 4 * MB] };

const REGISTRY = "ghcr.io";
const NAMESPACE = "siderolabs";
const BOOT_FOLDER = "usr/install/amd64";
const KEY_ANNOTATION = "bench.key";
/** Of so many files one stays compressed, as archives and firmware do in real extensions. */
const COMPRESSED_EVERY = 8;
const NO_BLOBS = { read: () => Promise.reject(new Error("there are no blobs here")) };

type Log = (line: string) => void;

/** Boot files of the fixture's imager image. */
async function bootFiles(layout: string, publicKey: string, codec: Codec): Promise<ReadonlyMap<string, Uint8Array>> {
  const source = openSource({ $case: "layout", folder: layout });
  const image = await openImage({
    source,
    policy: publicKeyPolicy([await readFile(publicKey, "utf8")]),
    repository: `${NAMESPACE}/imager`,
    reference: VERSION,
    platform: { os: "linux", architecture: "amd64" },
  });
  const names = ["vmlinuz", "initramfs.xz", "systemd-stub.efi", "systemd-boot.efi"];
  const paths = names.map((name) => `${BOOT_FOLDER}/${name}`);
  const streams = layerStreams(source, image.repository, image.layers);
  return await readFiles(streams, paths, { codec, limits: DEFAULT_TREE_LIMITS });
}

/** Kernel modules of the fixture's kernel package, the same ones in the same order every time. */
class Modules {
  readonly #paths: readonly string[];
  readonly #codec: Codec;
  #next = 0;

  private constructor(paths: readonly string[], codec: Codec) {
    this.#paths = paths;
    this.#codec = codec;
  }

  static async unpack(folder: string, codec: Codec): Promise<Modules> {
    const debs = join(CACHE, "debs");
    for (const name of (await readdir(debs)).filter((name) => name.endsWith(".deb")).sort(compareText)) {
      const deb = join(debs, name);
      const fields = await run("dpkg-deb", ["-f", deb, "Package", "Architecture"]);
      if (!/^Package: linux-image-/m.test(fields) || !/^Architecture: amd64$/m.test(fields)) continue;
      await run("dpkg-deb", ["-x", deb, folder]);
      const all = await readdir(folder, { recursive: true });
      const paths = all.filter((path) => path.endsWith(".ko.xz")).sort(compareText);
      return new Modules(
        paths.map((path) => join(folder, path)),
        codec,
      );
    }
    throw new Error(`${debs}: no kernel package for amd64`);
  }

  /** Files of `total` bytes together, from where the last call stopped. `plain`: decompressed, but for a few. */
  async take(total: number, plain: boolean): Promise<readonly { readonly name: string; readonly bytes: Uint8Array }[]> {
    const files: { name: string; bytes: Uint8Array }[] = [];
    for (let rest = total; rest > 0; ) {
      const index = this.#next++ % this.#paths.length;
      const stored = await readFile(this.#paths[index]!);
      const unpacked = plain && index % COMPRESSED_EVERY !== 0;
      const whole = unpacked ? await collect(this.#codec.unxz(once(stored))) : stored;
      const bytes = whole.subarray(0, rest);
      files.push({ name: `${String(index).padStart(5, "0")}.${unpacked ? "bin" : "bin.xz"}`, bytes });
      rest -= bytes.length;
    }
    return files;
  }

  rewind(): void {
    this.#next = 0;
  }
}

/**
 * The fixture's initramfs followed by an archive of compressed files up to `size` bytes. A real one is as little
 * compressible: it holds a squashfs image.
 */
async function paddedInitramfs(base: Uint8Array, size: number, modules: Modules): Promise<Uint8Array> {
  const parent: CpioEntry = { $case: "directory", path: "padding", mode: 0o755, mtime: MTIME };
  const entries = (await modules.take(size - base.length, false)).map(
    ({ name, bytes }): CpioEntry => ({
      $case: "file",
      path: `padding/${name}`,
      mode: 0o644,
      mtime: MTIME,
      body: inline(bytes),
    }),
  );
  return concatBytes(base, await read(zstdStored(cpioArchive([parent, ...entries])), NO_BLOBS));
}

async function extensionTree(name: string, size: number, modules: Modules): Promise<Tree> {
  const description = `Padding of ${size} bytes.`;
  const compatibility = { talos: { version: ">= v1.0.0" } };
  const metadata = { name, version: "1.0.0", author: "Bench", description, compatibility };
  const tree = new Tree().file("manifest.yaml", stringify({ version: "v1alpha1", metadata }, { indent: 4 }));
  for (const file of await modules.take(size, true)) {
    tree.file(`rootfs/usr/local/lib/${name}/${file.name}`, file.bytes, 0o755);
  }
  return tree;
}

/** The imager image, the extensions and their catalogue. */
async function writeImages(
  layout: LayoutWriter,
  boot: ReadonlyMap<string, Uint8Array>,
  sizes: Sizes,
  modules: Modules,
): Promise<void> {
  const signer = await Signer.open(join(FIXTURES, "keys", "cosign.key"), join(CACHE, "signatures"));
  const publish = async (name: string, tag: string, tree: Tree): Promise<Digest> => {
    const repository = `${NAMESPACE}/${name}`;
    const digest = await layout.image(`${repository}:${tag}`, [{ architecture: "amd64", layers: [tree] }]);
    await signer.sign(layout, REGISTRY, repository, digest);
    return digest;
  };
  const imager = new Tree();
  for (const [path, bytes] of boot) {
    const padded = path.endsWith("/initramfs.xz");
    imager.file(path, padded ? await paddedInitramfs(bytes, sizes.initramfs, modules) : bytes);
  }
  await publish("imager", VERSION, imager);
  modules.rewind();
  const lines: string[] = [];
  for (const [i, size] of [...sizes.extensions, ...sizes.more].entries()) {
    const name = `bench-${i}`;
    const digest = await publish(name, "1.0.0", await extensionTree(name, size, modules));
    lines.push(`${REGISTRY}/${NAMESPACE}/${name}:1.0.0@${digest}\n`);
  }
  await publish("extensions", VERSION, new Tree().file("image-digests", lines.join("")));
  await publish("overlays", VERSION, new Tree().file("overlays.yaml", stringify({ overlays: [] })));
}

async function keyOf(layout: string): Promise<string | undefined> {
  const file = join(layout, "index.json");
  if (!existsSync(file)) return undefined;
  const index = JSON.parse(await readFile(file, "utf8")) as { annotations?: Record<string, string> };
  return index.annotations?.[KEY_ANNOTATION];
}

/** Path of the only layer of an image's manifest for amd64. */
async function layerOf(layout: string, name: string, tag: string): Promise<string> {
  const source = openSource({ $case: "layout", folder: layout });
  const policy = { $case: "disabled" } as const;
  const platform = { os: "linux", architecture: "amd64" };
  const image = await openImage({ source, policy, repository: `${NAMESPACE}/${name}`, reference: tag, platform });
  return join(layout, "blobs", ...image.layers[0]!.digest.split(":"));
}

/** The workload in `fixtures/.cache/bench`, built when the fixture release or the sizes have changed. */
export async function prepareWorkload(sizes: Sizes, log: Log): Promise<Workload> {
  const fixture = await buildFixture(log);
  const { codec } = loadCodec();
  const self = await readFile(import.meta.filename);
  const index = await readFile(join(fixture.layout, "index.json"));
  const key = sha256(concatBytes(self, index, utf8(JSON.stringify(sizes))));
  const layout = join(BENCH, sizes === SHORT ? "release-short" : "release");
  if ((await keyOf(layout)) !== key) {
    log("building the workload's release");
    await mkdir(BENCH, { recursive: true });
    const work = await mkdtemp(join(BENCH, "build-"));
    try {
      const modules = await Modules.unpack(join(work, "kernel"), codec);
      const writer = await LayoutWriter.create(join(work, "layout"));
      await writeImages(writer, await bootFiles(fixture.layout, fixture.publicKey, codec), sizes, modules);
      await writer.finish({ [KEY_ANNOTATION]: key });
      await rm(layout, { recursive: true, force: true });
      await rename(join(work, "layout"), layout);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const extension = async (_size: number, i: number): Promise<Extension> => {
    const name = `bench-${i}`;
    return { name: `${NAMESPACE}/${name}`, layer: await layerOf(layout, name, "1.0.0") };
  };
  const all = await Promise.all([...sizes.extensions, ...sizes.more].map(extension));
  return {
    layout,
    publicKey: fixture.publicKey,
    version: VERSION,
    bootFolder: BOOT_FOLDER,
    base: await layerOf(layout, "imager", VERSION),
    extensions: all.slice(0, sizes.extensions.length),
    more: all.slice(sizes.extensions.length),
  };
}
