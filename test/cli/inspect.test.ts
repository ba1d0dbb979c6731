import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { MiB } from "../../src/bytes/align.ts";
import type { Guid } from "../../src/bytes/guid.ts";
import type { RandomAccess } from "../../src/bytes/random-access.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { examine } from "../../src/cli/inspect/examine.ts";
import { TemporaryFiles } from "../../src/cli/inspect/open.ts";
import { printReport, type Report } from "../../src/cli/inspect/report.ts";
import { FactoryError } from "../../src/errors.ts";
import { concat, inline, padTo, type Recipe, read, zeros } from "../../src/extents/index.ts";
import { cpioArchive } from "../../src/formats/cpio/index.ts";
import { fat12Floppy, fat32Volume } from "../../src/formats/fat/index.ts";
import { gptDisk } from "../../src/formats/gpt/index.ts";
import { isoImage } from "../../src/formats/iso9660/index.ts";
import { metaPartition } from "../../src/formats/meta/index.ts";
import { qcow2Image } from "../../src/formats/qcow2/index.ts";
import { tarArchive } from "../../src/formats/tar/index.ts";
import { ukiImage, ukiSections } from "../../src/formats/uki/index.ts";
import { vhdImage } from "../../src/formats/vhd/index.ts";
import { emitExtensionsYaml } from "../../src/talos/extensions.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { directory, file } from "../support/fat-tree.ts";
import { temporaryFolder } from "../support/folder.ts";
import { peStub } from "../support/pe-stub.ts";
import { NO_BLOBS } from "../support/write-image.ts";
import { start } from "./command.ts";

const MTIME = 1_700_000_000;
const LINUX_DATA = "0fc63daf-8483-4772-8e79-3d69d8477de4" as Guid;
const { codec } = loadCodec();

function archive(files: Readonly<Record<string, string>>): Recipe {
  const entries = Object.entries(files).map(([path, text]) => ({
    $case: "file" as const,
    path,
    mode: 0o644,
    mtime: MTIME,
    body: inline(utf8(text)),
  }));
  return cpioArchive(entries);
}

async function zstd(content: Recipe): Promise<Recipe> {
  return inline(zstdCompressSync(await read(content, NO_BLOBS)));
}

async function initramfs(): Promise<Recipe> {
  const metadata = { name: "gvisor", version: "1.2", author: "", description: "", talosVersion: "", extraInfo: "" };
  return concat(
    archive({ "kernel/x86/microcode/GenuineIntel.bin": "microcode" }),
    await zstd(archive({ init: "#!/bin/sh\n", "rootfs.sqsh": "hsqs" })),
    await zstd(archive({ "extensions.yaml": emitExtensionsYaml([{ image: "0.sqsh", metadata }]) })),
  );
}

async function ukiOf(): Promise<Recipe> {
  const stub = peStub();
  return ukiImage({
    stub,
    stubContent: inline(stub),
    timestamp: MTIME,
    sections: ukiSections({
      osrel: inline(utf8('ID=talos\nPRETTY_NAME="Talos (v1.14.0)"\n')),
      cmdline: inline(utf8("talos.platform=metal")),
      uname: inline(utf8("6.18.45-talos")),
      splash: inline(utf8("BM")),
      linux: inline(utf8("no kernel")),
      initrd: await initramfs(),
      profiles: [{ profile: inline(utf8("ID=main\n")) }],
    }),
  });
}

async function esp(): Promise<Recipe> {
  return fat32Volume({
    sizeBytes: 40 * MiB,
    label: "EFI",
    mtime: MTIME,
    tree: [
      directory("EFI", directory("Linux", file("Talos-v1.14.0.efi", await ukiOf()))),
      directory("loader", file("loader.conf", "timeout 10\n")),
    ],
  });
}

async function disk(sectorSize = 512): Promise<Recipe> {
  const meta = metaPartition([{ tag: 10, value: utf8("network") }]);
  const guid = (n: number): Guid => `00000000-0000-4000-8000-00000000000${n}` as Guid;
  return gptDisk({
    sizeBytes: 64 * MiB,
    sectorSize,
    diskGuid: guid(1),
    partitions: [
      { name: "EFI", type: LINUX_DATA, guid: guid(2), sizeBytes: 40 * MiB, content: await esp() },
      { name: "META", type: LINUX_DATA, guid: guid(3), sizeBytes: MiB, content: meta },
    ],
  }).image;
}

async function iso(): Promise<Recipe> {
  return isoImage({
    volumeId: "TALOS_V1_14_0",
    volumeSetId: "",
    preparerId: "",
    mtime: MTIME,
    elTorito: [{ platform: "efi", image: { $case: "appended" } }],
    appendedPartition: await esp(),
    tree: [
      {
        $case: "directory",
        name: "loader",
        children: [{ $case: "file", name: "loader.conf", content: inline(utf8("timeout 3\n")) }],
      },
      { $case: "file", name: "n".repeat(150), content: zeros(3) },
    ],
  });
}

/** A disk in grains of 64 KiB behind their markers, after a header that leaves the directory to the end. */
function vmdk(bytes: Uint8Array): Uint8Array {
  const sector = (...fields: readonly (readonly [at: number, value: bigint])[]): Buffer => {
    const out = Buffer.alloc(512);
    for (const [at, value] of fields) out.writeBigUInt64LE(value, at);
    return out;
  };
  const header = sector([12, BigInt(bytes.length / 512)], [20, 128n], [56, 2n ** 64n - 1n], [64, 1n]);
  header.write("KDMV", 0);
  header.writeUInt32LE(0x30001, 8);
  const pieces: Buffer[] = [header];
  for (let at = 0; at < bytes.length; at += 65536) {
    const packed = deflateSync(bytes.subarray(at, at + 65536));
    const grain = Buffer.alloc(Math.ceil((12 + packed.length) / 512) * 512);
    grain.writeBigUInt64LE(BigInt(at / 512), 0);
    grain.writeUInt32LE(packed.length, 8);
    packed.copy(grain, 12);
    pieces.push(grain);
  }
  return Buffer.concat([...pieces, sector([0, 1n], [12, 1n]), sector(), sector()]);
}

function accessTo(image: Recipe): RandomAccess {
  return { size: image.size, read: (offset, length) => read(image, NO_BLOBS, offset, length) };
}

async function found(image: Recipe): Promise<Report> {
  await using temporary = new TemporaryFiles();
  return await examine(accessTo(image), { codec, temporary });
}

/** The part at a path of names. */
function at(whole: Report, ...names: readonly string[]): Report {
  return names.reduce((inside, name) => {
    const inner = inside.parts.find((one) => one.name === name);
    assert.ok(inner, `${name} is not among ${inside.parts.map((one) => one.name).join(", ")}`);
    return inner;
  }, whole);
}

const UKI = "EFI/Linux/Talos-v1.14.0.efi";

function assertUki(uki: Report): void {
  assert.equal(uki.what, "unified kernel image");
  assert.deepEqual(uki.facts["command lines"], ["talos.platform=metal"]);
  assert.deepEqual(uki.facts.profiles, ["ID=main"]);
  assert.equal(uki.facts["operating system"], "Talos (v1.14.0)");
  assert.equal(uki.facts.kernel, "6.18.45-talos");
  assert.equal(uki.facts.signature, "none");
  assert.equal(uki.facts.architecture, "amd64");
  assertInitramfs(at(uki, ".initrd"));
}

function assertInitramfs({ what, facts }: Report): void {
  assert.equal(what, "initramfs");
  assert.deepEqual(facts.extensions, ["gvisor 1.2"]);
  assert.deepEqual(facts.microcode, ["kernel/x86/microcode/GenuineIntel.bin"]);
  assert.deepEqual(facts.squashfs, ["rootfs.sqsh, 4 bytes"]);
}

function assertDisk(whole: Report, sectorSize = 512): void {
  assert.equal(whole.what, "GPT disk");
  assert.equal(whole.facts["sector size"], sectorSize);
  assert.equal(at(whole, "META").facts["0xa"], "network");
  const volume = at(whole, "EFI");
  assert.equal(volume.facts.label, "EFI");
  assert.equal(at(volume, "loader/loader.conf").facts.text, "timeout 10\n");
  assertUki(at(volume, UKI));
}

describe("an image", () => {
  it("of a kernel's first files tells its extensions", async () => assertInitramfs(await found(await initramfs())));
  it("that is compressed as a whole is one, too", async () => {
    const { what, facts } = await found(await zstd(archive({ init: "" })));
    assert.equal(what, "initramfs");
    assert.deepEqual(facts.extensions, ["none"]);
  });
  it("of a UKI tells its command lines", async () => assertUki(await found(await ukiOf())));
  it("of a disk tells its partitions", async () => assertDisk(await found(await disk())));
  it("of a disk with large sectors does, too", async () => assertDisk(await found(await disk(4096)), 4096));
  it("of a CD tells what starts from it", async () => {
    const whole = await found(await iso());
    assert.equal(whole.what, "ISO 9660 image");
    assert.equal(whole.facts.volume, "TALOS_V1_14_0");
    assert.equal(at(whole, "loader/loader.conf").facts.text, "timeout 3\n");
    assert.ok((whole.facts.files as readonly string[]).some((line) => line.startsWith(`${"n".repeat(150)}, 3`)));
    assertUki(at(whole, "UEFI", UKI));
  });
  it("of a floppy tells its files", async () => {
    const { facts } = await found(fat12Floppy({ mtime: MTIME, tree: [directory("d", file("A.txt", "x"))] }));
    assert.deepEqual(facts.files, ["d/A.txt, 1 bytes"]);
  });
  it("in qcow2 is a disk", async () => assertDisk(at(await found(qcow2Image(await disk(), 8192)), "disk")));
  it("in zstd is a disk", async () => {
    const whole = await found(await zstd(qcow2Image(await disk(), 65536)));
    assert.equal(whole.what, "zstd file");
    assertDisk(at(whole, "content", "disk"));
  });
  it("in a fixed VHD is a disk", async () => {
    const options = { subformat: "fixed", forceSize: true, mtime: MTIME, id: new Uint8Array(16) } as const;
    assertDisk(at(await found(vhdImage(await disk(), options)), "disk"));
  });
  it("in a sparse tar is a disk", async () => {
    const owner = { user: "root", group: "root" };
    const content = await disk();
    for (const sparse of [true, false]) {
      const whole = await found(tarArchive([{ name: "disk.raw", content, mode: 0o644, mtime: MTIME, owner, sparse }]));
      assertDisk(at(whole, "disk.raw"));
    }
  });
  it("in a stream-optimized VMDK is a disk", async () => {
    const bytes = await read(await disk(), NO_BLOBS);
    assertDisk(at(await found(inline(vmdk(bytes))), "disk"));
  });
  it("in gzip is what it was", async () => {
    const bytes = gzipSync(await read(await ukiOf(), NO_BLOBS), { level: constants.Z_BEST_SPEED });
    assertUki(at(await found(inline(bytes)), "content"));
  });
  it("that is none is said to be so", async () => {
    assert.equal((await found(inline(utf8("talos.platform=metal")))).facts.text, "talos.platform=metal");
    assert.equal((await found(zeros(1000))).what, "data");
    assert.equal((await found(zeros(0))).what, "nothing");
  });
});

describe("what is printed", () => {
  it("cannot move the cursor", async () => {
    const text = printReport(await found(await zstd(archive({ "a\x1b[2J.sqsh": "" }))));
    assert.ok(!text.includes("\x1b"), text);
    assert.match(text, /^ {2}squashfs: a\ufffd\[2J\.sqsh, 0 bytes$/m);
  });
});

describe("damage", () => {
  /** Bytes of the structures that are looked at, and what to put there. */
  const VALUES = [0, 1, 0x7f, 0xff];

  async function survives(image: Recipe, from: number, to: number, step: number): Promise<void> {
    const whole = await read(image, NO_BLOBS);
    for (let offset = from; offset < Math.min(to, whole.length); offset += step) {
      for (const value of VALUES) {
        const kept = whole.slice(offset, offset + 4);
        whole.fill(value, offset, offset + 4);
        try {
          await found(inline(whole));
        } catch (error) {
          if (!(error instanceof FactoryError)) throw error;
        }
        whole.set(kept, offset);
      }
    }
  }

  it("of a FAT volume is refused or told", async () => {
    const small = fat12Floppy({ mtime: MTIME, tree: [directory("d", file("long name.txt", "x"), file("B", "y"))] });
    await survives(small, 11, 40, 3);
    await survives(small, 512, 520, 1);
    const root = 512 * (1 + 2 * 9);
    await survives(small, root, root + 64, 5);
  });
  it("of a FAT volume whose directories hold each other is refused", async () => {
    const small = fat12Floppy({ mtime: MTIME, tree: [directory("d", directory("a"), directory("b"))] });
    const bytes = await read(small, NO_BLOBS);
    const slots = ["A          ", "B          "].map((name) => Buffer.from(bytes).indexOf(name));
    // Both are the folder they stand in: 2^32 folders, if nobody counts.
    for (const slot of slots) {
      assert.ok(slot > 0);
      new DataView(bytes.buffer, bytes.byteOffset).setUint16(slot + 26, 2, true);
    }
    await assert.rejects(found(inline(bytes)), { code: "image_malformed" });
  });
  it("of an archive is refused or told", async () => await survives(await initramfs(), 0, 130, 6));
  it("of a program is refused or told", async () => await survives(await ukiOf(), 0, 900, 37));
  it("of a qcow2 image is refused or told", async () => {
    const image = qcow2Image(padTo(inline(utf8("disk")), 4 * MiB), 65536);
    await survives(image, 0, 112, 4);
  });
  it("at the end is refused or told", async () => {
    for (const image of [
      await disk(),
      await iso(),
      await ukiOf(),
      await initramfs(),
      qcow2Image(await disk(), 65536),
    ]) {
      const whole = await read(image, NO_BLOBS);
      for (const length of [1, 100, 600, 5000, 40_000, whole.length - 700]) {
        await found(inline(whole.subarray(0, length))).catch((error: unknown) => {
          if (!(error instanceof FactoryError)) throw error;
        });
      }
    }
  });
});

describe("the command", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const inspect = (...args: readonly string[]) => start("inspect", { args }, { TMPDIR: folder.path }).ended;

  before(async () => {
    folder = await temporaryFolder();
    await writeFile(join(folder.path, "disk.zst"), await read(await zstd(await disk()), NO_BLOBS));
  });
  after(() => folder[Symbol.asyncDispose]());

  it("speaks to people and programs, and leaves nothing", async () => {
    const path = join(folder.path, "disk.zst");
    const people = await inspect(path);
    assert.equal(people.code, 0, people.stderr);
    assert.match(people.stdout.toString(), /^zstd file, .*\n {2}content: GPT disk, 64\.0 MiB$/m);
    const programs = await inspect("--json", path);
    assertDisk(at(JSON.parse(programs.stdout.toString()) as Report, "content"));
    assert.deepEqual(await readdir(folder.path), ["disk.zst"]);
  });

  for (const ranges of [true, false]) {
    it(`reads an address of a server ${ranges ? "with" : "without"} ranges`, async () => {
      const bytes = await read(await disk(), NO_BLOBS);
      let sent = 0;
      const server = createServer((request, response) => {
        const [, from, to] = /^bytes=([0-9]+)-([0-9]+)$/.exec(request.headers.range ?? "") ?? [];
        const body = ranges ? bytes.subarray(Number(from), Number(to) + 1) : bytes;
        sent += body.length;
        if (ranges) response.writeHead(206, { "content-range": `bytes ${from}-${to}/${bytes.length}`, etag: '"1"' });
        response.end(body);
      }).listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const { port } = server.address() as AddressInfo;
      const { code, stdout, stderr } = await inspect("--json", `http://127.0.0.1:${port}/disk`);
      server.close();
      assert.equal(code, 0, stderr);
      assertDisk(JSON.parse(stdout.toString()) as Report);
      if (ranges) assert.ok(sent < 8 * MiB, `${sent} bytes`);
    });
  }

  const refused: readonly (readonly [string, number, RegExp, readonly string[]])[] = [
    ["nothing", 1, /accepts 1 argument/, []],
    ["a file that is not there", 6, /ENOENT/, ["/nope"]],
    ["a folder", 6, /no file/, ["/tmp"]],
    ["a server that is not there", 6, /fetch failed/, ["http://127.0.0.1:1/"]],
    ["an unknown flag", 1, /unknown flag/, ["--xml", "/nope"]],
  ];
  for (const [name, code, says, args] of refused) {
    it(`refuses ${name} with ${code}`, async () => {
      const ended = await inspect(...args);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, says);
      assert.equal(ended.stdout.length, 0);
    });
  }
});
