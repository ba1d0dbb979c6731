import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { parse } from "yaml";
import { buildFixture, type Fixture } from "../../fixtures/release.ts";
import { type Digest, digestHex, sha256 } from "../../src/bytes/digest.ts";
import { type Descriptor, parseIndex, parseLayoutIndex, parseManifest } from "../../src/formats/oci/index.ts";

const MODULE_SIGNATURE_END = "~Module signature appended~\n";

interface Member {
  readonly mode: number;
  readonly bytes: Buffer;
}

async function untar(bytes: Uint8Array): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  const archive = extract();
  archive.end(Buffer.from(bytes));
  for await (const entry of archive) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk);
    members.set(entry.header.name, { mode: entry.header.mode ?? 0, bytes: Buffer.concat(chunks) });
  }
  return members;
}

describe("fixture release", () => {
  let fixture: Fixture;
  let folder: string;
  let entries: readonly Descriptor[];

  const blob = (digest: Digest): Promise<Buffer> =>
    readFile(join(fixture.layout, "blobs", "sha256", digestHex(digest)));
  const named = (name: string): Descriptor => {
    const found = entries.find((entry) => entry.annotations?.["org.opencontainers.image.ref.name"] === name);
    assert.ok(found, `${name} is not in the layout`);
    return found;
  };
  /** The files of a one-layer image, by path. */
  const filesOf = async (name: string): Promise<Map<string, Member>> => {
    const { digest, mediaType } = named(name);
    const [platform] = parseIndex(await blob(digest), mediaType).manifests;
    assert.deepEqual(platform?.platform, { os: "linux", architecture: "amd64" });
    const { layers } = parseManifest(await blob(platform!.digest), platform!.mediaType);
    assert.equal(layers.length, 1);
    return untar(gunzipSync(await blob(layers[0]!.digest)));
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "fixture-oracle-"));
    fixture = await buildFixture(() => undefined);
    entries = parseLayoutIndex(await readFile(join(fixture.layout, "index.json")), 1 << 20, 1000);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("is not built twice", async () => {
    const index = join(fixture.layout, "index.json");
    const { ino, mtimeMs } = await stat(index);
    const lines: string[] = [];
    assert.deepEqual(await buildFixture((line) => lines.push(line)), fixture);
    const again = await stat(index);
    assert.deepEqual([again.ino, again.mtimeMs], [ino, mtimeMs]);
    assert.match(lines.at(-1)!, /is up to date$/);
  });

  it("names every blob by its digest", async () => {
    const names = await readdir(join(fixture.layout, "blobs", "sha256"));
    assert.ok(names.length > 30);
    for (const name of names) {
      assert.equal(sha256(await readFile(join(fixture.layout, "blobs", "sha256", name))), `sha256:${name}`);
    }
  });

  it("has a base initramfs that zstd, cpio and unsquashfs read", async () => {
    const { bytes } = (await filesOf("siderolabs/imager:v1.14.0")).get("usr/install/amd64/initramfs.xz")!;
    assert.ok(bytes.length < 15 * 1024 * 1024);
    const packed = join(folder, "initramfs.zst");
    await writeFile(packed, bytes);
    const archive = execFileSync("zstd", ["-dc", packed], { maxBuffer: 1 << 28 });
    const listed = execFileSync("cpio", ["-t", "--quiet"], { input: archive, encoding: "utf8" }).split("\n");
    for (const path of ["init", "bin/busybox", "lib/modules/order", "lib/modules/loop.ko", "rootfs.sqsh"]) {
      assert.ok(listed.includes(path), path);
    }
    execFileSync("cpio", ["-id", "--quiet"], { input: archive, cwd: folder });
    const rootfs = execFileSync("unsquashfs", ["-l", "-d", "", join(folder, "rootfs.sqsh")], { encoding: "utf8" });
    assert.match(rootfs, /^\/bin\/busybox$/m);
    for (const name of ["order", "builtin", "builtin.modinfo"]) {
      assert.match(rootfs, new RegExp(`^/usr/lib/modules/[^/]+/modules\\.${name}$`, "m"));
    }
    assert.match(rootfs, /\/kernel\/drivers\/block\/loop\.ko$/m);
    assert.doesNotMatch(rootfs, /\/(dummy|nbd|wireguard)\.ko$/m);
    const loop = await readFile(join(folder, "lib/modules/loop.ko"));
    assert.ok(loop.toString("latin1").endsWith(MODULE_SIGNATURE_END));
  });

  it("brings kernel and loaders that objdump knows", async () => {
    const files = await filesOf("siderolabs/imager:v1.14.0");
    const sections = { "systemd-stub.efi": [".sbat", ".sdmagic"], "systemd-boot.efi": [".sbat", ".osrel"] };
    for (const [name, expected] of Object.entries(sections)) {
      const file = join(folder, name);
      await writeFile(file, files.get(`usr/install/amd64/${name}`)!.bytes);
      const listed = execFileSync("objdump", ["-h", file], { encoding: "utf8" });
      for (const section of expected) assert.ok(listed.includes(` ${section} `), `${name} ${section}`);
    }
    // x86 boot protocol: "HdrS" at 0x202 (kernel: Documentation/arch/x86/boot.rst).
    assert.equal(files.get("usr/install/amd64/vmlinuz")!.bytes.toString("latin1", 0x202, 0x206), "HdrS");
  });

  it("carries signatures that openssl verifies", async () => {
    const images = entries.filter((entry) => entry.mediaType.includes("index"));
    assert.equal(images.length, 8);
    for (const { digest, annotations } of images) {
      const repository = annotations!["org.opencontainers.image.ref.name"]!.split(":")[0]!;
      const signature = named(`${repository}:sha256-${digestHex(digest)}.sig`);
      const [layer] = parseManifest(await blob(signature.digest), signature.mediaType).layers;
      const payload = await blob(layer!.digest);
      const { critical } = JSON.parse(payload.toString()) as { critical: { image: object; identity: object } };
      assert.deepEqual(critical.image, { "docker-manifest-digest": digest });
      assert.deepEqual(critical.identity, { "docker-reference": `ghcr.io/${repository}` });
      const file = join(folder, "signature");
      await writeFile(file, Buffer.from(layer!.annotations!["dev.cosignproject.cosign/signature"]!, "base64"));
      const args = ["dgst", "-sha256", "-verify", fixture.publicKey, "-signature", file];
      assert.equal(execFileSync("openssl", args, { input: payload, encoding: "utf8" }).trim(), "Verified OK");
    }
  });

  it("catalogues extensions and overlays that are there", async () => {
    const catalogue = await filesOf("siderolabs/extensions:v1.14.0");
    const lines = catalogue.get("image-digests")!.bytes.toString().trim().split("\n");
    const descriptions = parse(catalogue.get("descriptions.yaml")!.bytes.toString()) as object;
    assert.deepEqual(Object.keys(descriptions), lines);
    for (const line of lines) {
      const [, name = "", digest] = /^ghcr\.io\/(\S+:\S+)@(sha256:[0-9a-f]{64})$/.exec(line)!;
      assert.equal(named(name).digest, digest);
      const files = await filesOf(name);
      const manifest = parse(files.get("manifest.yaml")!.bytes.toString());
      assert.equal(manifest.version, "v1alpha1");
      assert.equal(name.split(":")[0], `siderolabs/${manifest.metadata.name}`);
      assert.ok([...files.keys()].every((path) => /^(manifest\.yaml|rootfs(\/.*)?)$/.test(path)));
    }
    const { overlays } = parse((await filesOf("siderolabs/overlays:v1.14.0")).get("overlays.yaml")!.bytes.toString());
    assert.equal(overlays.length, 1);
    assert.equal(named(overlays[0].image.replace("ghcr.io/", "")).digest, overlays[0].digest);
  });

  it("brings signed modules that are not in the base", async () => {
    const name = entries
      .map((entry) => entry.annotations?.["org.opencontainers.image.ref.name"] ?? "")
      .find((text) => /^siderolabs\/sample-modules:\d/.test(text))!;
    const modules = [...(await filesOf(name))].filter(([path]) => path.endsWith(".ko"));
    assert.ok(modules.some(([path]) => /^rootfs\/usr\/lib\/modules\/[^/]+\/extras\/wireguard\.ko$/.test(path)));
    for (const [path, { bytes }] of modules) {
      assert.ok(bytes.toString("latin1").endsWith(MODULE_SIGNATURE_END), path);
    }
  });

  it("has an overlay installer that answers and installs", async () => {
    const overlay = join(folder, "overlay");
    for (const [path, { mode, bytes }] of await filesOf("siderolabs/sbc-sample:v0.1.0")) {
      if (bytes.length === 0) continue;
      await mkdir(dirname(join(overlay, path)), { recursive: true });
      await writeFile(join(overlay, path), bytes, { mode });
    }
    const installer = join(overlay, "installers", "sample");
    const options = (input: string): unknown => parse(execFileSync(installer, ["get-options"], { input }).toString());
    const expected = (argument: string): object => ({
      name: "sample",
      kernelArgs: [`fixture.overlay=${argument}`],
      partitionOptions: { offset: 20480 },
    });
    assert.deepEqual(options("{}\n"), expected("sample"));
    assert.deepEqual(options("message: other\n"), expected("other"));
    const disk = join(folder, "disk.raw");
    await writeFile(disk, new Uint8Array(1 << 20));
    const artifacts = join(overlay, "artifacts");
    const input = `installDisk: ${disk}\nmountPrefix: '${folder}/mnt'\nartifactsPath: "${artifacts}"\n`;
    execFileSync(installer, ["install"], { input });
    const loader = await readFile(join(artifacts, "sample", "u-boot.bin"));
    const written = await readFile(disk);
    assert.equal(written.length, 1 << 20);
    assert.deepEqual(written.subarray(32768, 32768 + loader.length), loader);
    assert.match(await readFile(join(folder, "mnt/boot/EFI/config.txt"), "utf8"), /u-boot/);
    assert.throws(() => execFileSync(installer, ["other"], { input: "", stdio: "pipe" }));
  });
});
