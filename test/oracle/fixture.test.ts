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
import {
  type Descriptor,
  type Manifest,
  parseConfig,
  parseIndex,
  parseLayoutIndex,
  parseManifest,
} from "../../src/formats/oci/index.ts";
import { parsePe } from "../../src/formats/pe/index.ts";

const MODULE_SIGNATURE_END = "~Module signature appended~\n";
const ARCHITECTURES = ["amd64", "arm64"];
/** Each version with the place of its modules and firmware, and the image its installers are made from. */
const RELEASES = [
  { version: "v1.9.5", libraries: "lib", installer: "installer", stock: "vmlinuz" },
  { version: "v1.14.0", libraries: "usr/lib", installer: "installer-base", stock: "vmlinuz.efi" },
];

interface Member {
  readonly mode: number;
  readonly bytes: Buffer;
  readonly selinux: string | undefined;
}

async function untar(bytes: Uint8Array): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  const archive = extract();
  archive.end(Buffer.from(bytes));
  for await (const entry of archive) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const { name, mode = 0, pax } = entry.header as typeof entry.header & { pax?: Record<string, string> | null };
    members.set(name, { mode, bytes: Buffer.concat(chunks), selinux: pax?.["SCHILY.xattr.security.selinux"] });
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
  const manifestOf = async (name: string, architecture: string): Promise<Manifest> => {
    const { digest, mediaType } = named(name);
    const { manifests } = parseIndex(await blob(digest), mediaType);
    assert.deepEqual(
      manifests.map(({ platform }) => platform),
      ARCHITECTURES.map((each) => ({ os: "linux", architecture: each })),
    );
    const found = manifests[ARCHITECTURES.indexOf(architecture)]!;
    return parseManifest(await blob(found.digest), found.mediaType);
  };
  /** The files of an image by path; no path stands in two layers. */
  const filesOf = async (name: string, architecture = "amd64"): Promise<Map<string, Member>> => {
    const files = new Map<string, Member>();
    for (const { digest } of (await manifestOf(name, architecture)).layers) {
      for (const [path, member] of await untar(gunzipSync(await blob(digest)))) files.set(path, member);
    }
    return files;
  };
  /** The names and tags of the extensions in a catalogue, as the layout has them. */
  const catalogued = async (version: string): Promise<readonly string[]> => {
    const lines = (await filesOf(`siderolabs/extensions:${version}`)).get("image-digests")!.bytes.toString();
    return lines
      .trim()
      .split("\n")
      .map((line) => line.replace(/^ghcr\.io\/|@.*/g, ""));
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

  for (const { version, libraries } of RELEASES) {
    for (const architecture of ARCHITECTURES) {
      it(`has a base initramfs that zstd, cpio and unsquashfs read (${version} ${architecture})`, async () => {
        const files = await filesOf(`siderolabs/imager:${version}`);
        const { bytes } = files.get(`usr/install/${architecture}/initramfs.xz`)!;
        assert.ok(bytes.length < 15 * 1024 * 1024);
        const root = join(folder, version, architecture);
        await mkdir(root, { recursive: true });
        const archive = execFileSync("zstd", ["-dc"], { input: bytes, maxBuffer: 1 << 28 });
        const listed = execFileSync("cpio", ["-t", "--quiet"], { input: archive, encoding: "utf8" }).split("\n");
        for (const path of ["init", "bin/busybox", "lib/modules/order", "lib/modules/loop.ko", "rootfs.sqsh"]) {
          assert.ok(listed.includes(path), path);
        }
        execFileSync("cpio", ["-id", "--quiet"], { input: archive, cwd: root });
        const rootfs = execFileSync("unsquashfs", ["-l", "-d", "", join(root, "rootfs.sqsh")], { encoding: "utf8" });
        assert.match(rootfs, /^\/bin\/busybox$/m);
        for (const name of ["order", "builtin", "builtin.modinfo"]) {
          const pattern = `^/${libraries}/modules/[^/]+-${architecture}/modules\\.${name}$`;
          assert.match(rootfs, new RegExp(pattern, "m"));
        }
        assert.match(rootfs, /\/kernel\/drivers\/block\/loop\.ko$/m);
        assert.doesNotMatch(rootfs, /\/(dummy|nbd|wireguard)\.ko$/m);
        const loop = await readFile(join(root, "lib/modules/loop.ko"));
        assert.ok(loop.toString("latin1").endsWith(MODULE_SIGNATURE_END));
      });
    }
  }

  for (const [architecture, machine] of [
    ["amd64", 0x8664],
    ["arm64", 0xaa64],
  ] as const) {
    it(`brings loaders and a kernel (${architecture})`, async () => {
      // Both architectures are read from the amd64 image.
      const files = await filesOf("siderolabs/imager:v1.14.0");
      const sections = { "systemd-stub.efi": [".sbat", ".sdmagic"], "systemd-boot.efi": [".sbat", ".osrel"] };
      for (const [name, expected] of Object.entries(sections)) {
        const { bytes } = files.get(`usr/install/${architecture}/${name}`)!;
        const headers = parsePe(bytes, bytes.length);
        assert.equal(headers.coff.machine, machine);
        for (const section of expected) assert.ok(headers.sections.some((each) => each.name === section));
        // Debian 12's objdump knows no programs for arm64; the boot tests are their judge.
        if (architecture === "arm64") continue;
        const file = join(folder, name);
        await writeFile(file, bytes);
        const listed = execFileSync("objdump", ["-h", file], { encoding: "utf8" });
        for (const section of expected) assert.ok(listed.includes(` ${section} `), `${name} ${section}`);
      }
      const kernel = files.get(`usr/install/${architecture}/vmlinuz`)!.bytes;
      // Documentation/arch/x86/boot.rst and Documentation/arch/arm64/booting.rst of the kernel; both are EFI programs.
      const [offset, magic] = architecture === "amd64" ? [0x202, "HdrS"] : [0x38, "ARMd"];
      assert.equal(kernel.toString("latin1", offset, offset + 4), magic);
      assert.equal(kernel.toString("latin1", 0, 2), "MZ");
    });
  }

  it("has the same imager for all architectures", async () => {
    for (const { version } of RELEASES) {
      const [amd64, arm64] = await Promise.all(
        ARCHITECTURES.map((architecture) => manifestOf(`siderolabs/imager:${version}`, architecture)),
      );
      assert.deepEqual(amd64!.layers, arm64!.layers);
      assert.notEqual(amd64!.config.digest, arm64!.config.digest);
    }
  });

  it("carries signatures that openssl verifies", async () => {
    const images = entries.filter((entry) => entry.mediaType.includes("index"));
    assert.equal(images.length, 18);
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

  for (const { version } of RELEASES) {
    it(`catalogues extensions and overlays that are there (${version})`, async () => {
      const catalogue = await filesOf(`siderolabs/extensions:${version}`);
      const lines = catalogue.get("image-digests")!.bytes.toString().trim().split("\n");
      const descriptions = parse(catalogue.get("descriptions.yaml")!.bytes.toString()) as object;
      assert.deepEqual(Object.keys(descriptions), lines);
      for (const line of lines) {
        const [, name = "", digest] = /^ghcr\.io\/(\S+:\S+)@(sha256:[0-9a-f]{64})$/.exec(line)!;
        assert.equal(named(name).digest, digest);
        for (const architecture of ARCHITECTURES) {
          const files = await filesOf(name, architecture);
          const manifest = parse(files.get("manifest.yaml")!.bytes.toString());
          assert.equal(manifest.version, "v1alpha1");
          assert.equal(name.split(":")[0], `siderolabs/${manifest.metadata.name}`);
          assert.ok([...files.keys()].every((path) => /^(manifest\.yaml|rootfs(\/.*)?)$/.test(path)));
        }
      }
      const list = (await filesOf(`siderolabs/overlays:${version}`)).get("overlays.yaml")!;
      const { overlays } = parse(list.bytes.toString());
      assert.equal(overlays.length, 1);
      assert.equal(named(overlays[0].image.replace("ghcr.io/", "")).digest, overlays[0].digest);
    });

    it(`catalogues what the version knows (${version})`, async () => {
      const names = (await catalogued(version)).map((name) => name.split(":")[0]!.split("/")[1]);
      const common = ["hello-world", "intel-ucode", "sample-modules"];
      assert.deepEqual(names, version === "v1.9.5" ? common : ["busybox-tools", ...common, "selinux-labels"]);
    });
  }

  for (const { version, libraries } of RELEASES) {
    for (const architecture of ARCHITECTURES) {
      it(`brings signed modules that are not in the base (${version} ${architecture})`, async () => {
        const name = (await catalogued(version)).find((text) => text.startsWith("siderolabs/sample-modules:"))!;
        const modules = [...(await filesOf(name, architecture))].filter(([path]) => path.endsWith(".ko"));
        const folders = `^rootfs/${libraries}/modules/[^/]+-${architecture}/extras/`;
        assert.ok(modules.some(([path]) => new RegExp(`${folders}wireguard\\.ko$`).test(path)));
        for (const [path, { bytes }] of modules) {
          assert.match(path, new RegExp(folders));
          assert.ok(bytes.toString("latin1").endsWith(MODULE_SIGNATURE_END), path);
        }
      });
    }
  }

  it("brings executables for each architecture", async () => {
    const name = (await catalogued("v1.14.0")).find((text) => text.startsWith("siderolabs/busybox-tools:"))!;
    for (const [architecture, machine] of [
      ["amd64", "X86-64"],
      ["arm64", "AArch64"],
    ] as const) {
      const file = join(folder, `busybox-${architecture}`);
      await writeFile(file, (await filesOf(name, architecture)).get("rootfs/usr/local/bin/busybox-tools")!.bytes);
      assert.match(execFileSync("readelf", ["-h", file], { encoding: "utf8" }), new RegExp(`Machine:.*${machine}`));
    }
  });

  it("labels files and folders, and leaves others without", async () => {
    const files = await filesOf("siderolabs/selinux-labels:1.0.0");
    const labels = [...files].flatMap(([path, { selinux }]) => (selinux === undefined ? [] : [[path, selinux]]));
    assert.deepEqual(labels, [
      ["rootfs/usr/local/lib/selinux-labels", "system_u:object_r:lib_t:s0"],
      ["rootfs/usr/local/lib/selinux-labels/labelled", "system_u:object_r:bin_exec_t:s0"],
      ["rootfs/usr/local/share/selinux-labels/message", "system_u:object_r:etc_t:s0"],
    ]);
    assert.equal(files.get("rootfs/usr/local/lib/selinux-labels/plain")!.selinux, undefined);
  });

  for (const { version, installer, stock } of RELEASES) {
    it(`has an installer base of two layers (${version})`, async () => {
      for (const architecture of ARCHITECTURES) {
        const { config, layers } = await manifestOf(`siderolabs/${installer}:${version}`, architecture);
        assert.equal(layers.length, 2);
        const [tools, artifacts] = await Promise.all(
          layers.map(async ({ digest }) => untar(gunzipSync(await blob(digest)))),
        );
        assert.equal(tools!.get("usr/bin/installer")!.mode & 0o777, 0o755);
        assert.ok(artifacts!.has(`usr/install/${architecture}/${stock}`));
        const parsed = parseConfig(await blob(config.digest));
        assert.equal(parsed.architecture, architecture);
        assert.deepEqual(parsed.config?.Entrypoint, ["/usr/bin/installer"]);
      }
    });

    it(`has command line clients (${version})`, async () => {
      const files = await filesOf(`siderolabs/talosctl-all:${version}`);
      assert.ok(files.has("talosctl-linux-arm64") && files.has("talosctl-windows-amd64.exe"));
      // Exactly two parts follow the word, or the whole list is refused.
      for (const name of files.keys()) assert.match(name, /^talosctl-[a-z]+-[a-z0-9]+(\.exe)?$/);
      const client = join(folder, "talosctl");
      await writeFile(client, files.get("talosctl-linux-amd64")!.bytes, { mode: 0o755 });
      assert.equal(execFileSync(client, { encoding: "utf8" }), `fixture talosctl ${version} linux-amd64\n`);
    });
  }

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
    assert.throws(() => execFileSync(installer, ["other"], { input: "", stdio: "pipe" }), /\(amd64\): unknown command/);
    const other = await filesOf("siderolabs/sbc-sample:v0.1.0", "arm64");
    assert.match(other.get("installers/sample")!.bytes.toString(), /\(arm64\)/);
  });
});
