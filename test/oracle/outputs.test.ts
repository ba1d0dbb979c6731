import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildFixture } from "../../fixtures/release.ts";
import { frameLength } from "../../src/formats/zstd/index.ts";
import { FatReader } from "../support/fat-reader.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type TestServer, testServer } from "../support/server.ts";

const VERSION = "v1.14.0";
const UKI = `Talos-${VERSION}.efi`;
const LEAN = `customization:
  bootloader: sd-boot
  extraKernelArgs: [console=ttyS0, oracle.test=1]
  meta: [{ key: 10, value: "a META value" }]
  systemExtensions:
    officialExtensions: [siderolabs/hello-world, siderolabs/intel-ucode]
`;
const SCHEMATIC = LEAN.replace("-ucode]", "-ucode, siderolabs/busybox-tools]");
const MAX_OUTPUT = 1 << 30;

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", maxBuffer: MAX_OUTPUT, stdio: ["ignore", "pipe", "pipe"] });
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Copies a part of a file; zeros become holes. */
function cut(from: string, to: string, offset: number, length: number): void {
  const flags = "iflag=skip_bytes,count_bytes";
  run(
    "dd",
    `if=${from}`,
    `of=${to}`,
    "bs=1M",
    `skip=${offset}`,
    `count=${length}`,
    flags,
    "conv=sparse",
    "status=none",
  );
  run("truncate", "-s", String(length), to);
}

interface Section {
  readonly name: string;
  readonly size: number;
  readonly offset: number;
}

/** The section table as objdump prints it. */
function sections(file: string): readonly Section[] {
  const row = /^\s*\d+ (\S+)\s+([0-9a-f]{8})\s+[0-9a-f]+\s+[0-9a-f]+\s+([0-9a-f]{8})/gm;
  return [...run("objdump", "-h", file).matchAll(row)].map(([, name, size, offset]) => ({
    name: name!,
    size: Number.parseInt(size!, 16),
    offset: Number.parseInt(offset!, 16),
  }));
}

async function contents(file: string): Promise<readonly (readonly [string, Buffer])[]> {
  const bytes = await readFile(file);
  return sections(file).map(({ name, size, offset }) => [name, bytes.subarray(offset, offset + size)] as const);
}

describe("outputs of the fixture release", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: TestServer;
  let base = "";
  let leanBase = "";
  const at = (name: string): string => join(folder.path, name);

  /** Downloads an asset; long zeros become holes. */
  const download = async (path: string, from = base): Promise<string> => {
    const response = await fetch(`${from}/${path}`);
    assert.equal(response.status, 200);
    const file = await open(at(path), "w");
    const size = Number(response.headers.get("content-length"));
    let written = 0;
    try {
      await file.truncate(size);
      for await (const chunk of response.body!) {
        const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
        const zero = bytes[0] === 0 && bytes.equals(ZEROS.subarray(0, bytes.length));
        if (!zero) await file.write(bytes, 0, bytes.length, written);
        written += bytes.length;
      }
    } finally {
      await file.close();
    }
    assert.equal(written, size);
    return at(path);
  };
  const ZEROS = Buffer.alloc(1 << 20);

  before(async () => {
    folder = await temporaryFolder();
    const { layout, publicKey } = await buildFixture(() => undefined);
    server = await testServer({ $case: "layout", folder: layout }, await readFile(publicKey, "utf8"));
    base = `${server.url}/image/${await server.schematic(SCHEMATIC)}/${VERSION}`;
    leanBase = `${server.url}/image/${await server.schematic(LEAN)}/${VERSION}`;
    for (const path of ["kernel-amd64", "cmdline-metal-amd64", "initramfs-amd64.xz", "metal-amd64-uki.efi"]) {
      await download(path);
    }
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it("initramfs: zstd and cpio read every segment, unsquashfs every extension", async () => {
    const bytes = await readFile(at("initramfs-amd64.xz"));
    const early = bytes.indexOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]));
    await writeFile(at("early.cpio"), bytes.subarray(0, early));
    const listed = execFileSync("cpio", ["-it", "--quiet"], { input: bytes.subarray(0, early), encoding: "utf8" });
    assert.deepEqual(listed.trim().split("\n"), [
      "kernel",
      "kernel/x86",
      "kernel/x86/microcode",
      "kernel/x86/microcode/GenuineIntel.bin",
    ]);
    await writeFile(at("rest.zst"), bytes.subarray(early));
    run("zstd", "-t", "-q", at("rest.zst"));

    const names: string[] = [];
    const tree = at("initramfs");
    await mkdir(tree);
    for (let offset = early; offset < bytes.length; ) {
      const length = frameLength(bytes, offset);
      const archive = execFileSync("zstd", ["-dc"], {
        input: bytes.subarray(offset, offset + length),
        maxBuffer: MAX_OUTPUT,
      });
      const list = execFileSync("cpio", ["-it", "--quiet"], {
        input: archive,
        encoding: "utf8",
        maxBuffer: MAX_OUTPUT,
      });
      if (offset > early) {
        names.push(...list.trim().split("\n"));
        execFileSync("cpio", ["-idm", "--quiet"], { input: archive, cwd: tree });
      }
      offset += length;
    }
    assert.deepEqual(names.slice(0, 5), ["0.sqsh", "1.sqsh", "2.sqsh", "3.sqsh", "extensions.yaml"]);
    assert.ok(names.includes("usr/lib/firmware/fixture/plain.bin"));
    assert.ok(!names.includes("usr/lib/firmware/intel-ucode/06-55-04"));

    const files = ["hello-world", "", "busybox-tools"].map((_, i) =>
      run("unsquashfs", "-l", "-d", "", join(tree, `${i}.sqsh`)),
    );
    assert.ok(files.some((list) => list.includes("/usr/local/lib/containers/hello-world/hello")));
    assert.ok(files.some((list) => list.includes("/usr/local/bin/busybox-tools")));
    assert.match(await readFile(join(tree, "extensions.yaml"), "utf8"), /name: hello-world.*name: schematic/s);
    const microcode = await readFile(at("early.cpio"), "latin1");
    assert.match(microcode, /06-55-04\.+.*06-8e-09\./s);
  });

  it("uki: objdump lists the sections in their order, their bytes are the assets", async () => {
    const found = await contents(at("metal-amd64-uki.efi"));
    const names = found.map(([name]) => name);
    const own = names.indexOf(".osrel");
    assert.deepEqual(names.slice(own, own + 6), [".osrel", ".cmdline", ".uname", ".splash", ".linux", ".initrd"]);
    assert.ok(names.slice(0, own).includes(".sbat"));
    assert.ok(names.slice(own + 6).every((name) => [".profile", ".cmdline"].includes(name)));
    const get = (name: string): Buffer => found.find(([other]) => other === name)![1];
    assert.ok(get(".linux").equals(await readFile(at("kernel-amd64"))));
    assert.ok(get(".initrd").equals(await readFile(at("initramfs-amd64.xz"))));
    assert.match(get(".cmdline").toString(), /^talos\.platform=metal .*oracle\.test=1/);
    assert.match(get(".osrel").toString(), /VERSION_ID="?v1\.14\.0/);
  });

  it("iso: xorriso reads its tree and its boot entry, the ESP holds the same files", async () => {
    const iso = await download("metal-amd64.iso");
    const report = run("xorriso", "-report_about", "SORRY", "-indev", iso, "-report_el_torito", "plain");
    const [, lba] = /El Torito boot img :\s+1\s+UEFI\s+y\s+none\s+0x0000\s+0x00\s+\d+\s+(\d+)/.exec(report) ?? [];
    assert.ok(lba, report);
    run("xorriso", "-report_about", "SORRY", "-osirrox", "on", "-indev", iso, "-extract", "/", at("iso"));
    const volume = at("iso-esp");
    cut(iso, volume, Number(lba) * 2048, (await stat(iso)).size - Number(lba) * 2048);
    run("fsck.vfat", "-n", volume);
    // The mtools of Debian 12 take a volume with fewer than 65525 clusters for FAT16, whatever its boot sector says.
    const files = new Map([...new FatReader(await readFile(volume)).walk()].map(({ path, bytes }) => [path, bytes]));
    for (const path of [`/EFI/Linux/${UKI}`, "/EFI/BOOT/BOOTX64.EFI", "/loader/loader.conf", "/loader/random-seed"]) {
      assert.ok((await readFile(join(at("iso"), path))).equals(files.get(path)!), path);
    }

    const inside = new Map(await contents(join(at("iso"), "EFI/Linux", UKI)));
    for (const [name, bytes] of new Map(await contents(at("metal-amd64-uki.efi")))) {
      if (name !== ".cmdline" && name !== ".profile") assert.ok(inside.get(name)?.equals(bytes), name);
    }
    assert.match((await readFile(join(at("iso"), "EFI/Linux", UKI))).toString("latin1"), /talos\.halt_if_installed=1/);
  });

  it("raw: sgdisk finds no fault, fsck.vfat and mtools read the ESP", async () => {
    const raw = await download("metal-amd64.raw", leanBase);
    assert.match(run("sgdisk", "-v", raw), /No problems found/);
    const table = run("sgdisk", "-p", raw);
    const rows = [...table.matchAll(/^\s+(\d+)\s+(\d+)\s+(\d+)\s+.*\s(\S+)\s*$/gm)].map(([, , first, last, name]) => ({
      name: name!,
      offset: Number(first) * 512,
      size: (Number(last) - Number(first) + 1) * 512,
    }));
    assert.deepEqual(rows.map(({ name }) => name).slice(0, 2), ["EFI", "META"]);
    const [efi, meta] = rows;
    const esp = at("raw-esp");
    cut(raw, esp, efi!.offset, efi!.size);
    run("fsck.vfat", "-n", esp);
    const listed = run("mdir", "-b", "-/", "-i", esp, "::").trim().split("\n");
    for (const path of [`::/EFI/Linux/${UKI}`, "::/EFI/boot/BOOTX64.efi", "::/loader/loader.conf"]) {
      assert.ok(listed.includes(path), `${path} in ${listed}`);
    }
    const conf = run("mtype", "-i", esp, "::/loader/loader.conf");
    assert.match(conf, /^timeout /m);
    run("mcopy", "-n", "-i", esp, `::/EFI/Linux/${UKI}`, at("raw.efi"));
    run("mcopy", "-n", "-i", esp, "::/EFI/boot/BOOTX64.efi", at("raw-boot.efi"));
    assert.equal(await digestOf(at("raw-boot.efi")), await digestOf(join(at("iso"), "EFI/BOOT/BOOTX64.EFI")));
    const inside = new Map(await contents(at("raw.efi")));
    assert.ok(inside.get(".initrd")!.equals(await readFile(await download("initramfs-amd64.xz", leanBase))));
    cut(raw, at("meta"), meta!.offset, meta!.size);
    assert.ok((await readFile(at("meta"))).includes("a META value"));
  });

  // Not with busybox-tools: its squashfs repeats a megabyte of the base's, which one frame over everything finds and
  // frames that are shared between images cannot.
  it("raw.zst: zstd gives the raw image back, and would have saved less than 3 % more", async () => {
    const packed = await download("metal-amd64.raw.zst", leanBase);
    run("zstd", "-d", "-q", "--sparse", packed, "-o", at("unpacked.raw"));
    run("cmp", at("unpacked.raw"), at("metal-amd64.raw"));
    run("zstd", "-18", "-T0", "-q", at("metal-amd64.raw"), "-o", at("reference.zst"));
    const [ours, reference] = [(await stat(packed)).size, (await stat(at("reference.zst"))).size];
    assert.ok(ours <= reference * 1.03, `${ours} bytes, zstd -18 makes ${reference}`);
  });
});
