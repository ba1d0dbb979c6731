import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { grubModules } from "../../fixtures/grub.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { type TestFactory, testFactory } from "../support/factory.ts";
import { FatReader } from "../support/fat-reader.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addTinyRelease, BOOT_FILES } from "../support/release.ts";
import { extract, xorriso } from "../support/xorriso.ts";

const REPORTS = ["-report_el_torito", "plain", "-report_system_area", "plain", "-pvd_info"];
/** The factory's time, 2019-06-01. */
const CREATED = /Creation Time: 2019060121345200/;

/** What xorriso and sgdisk say of the ISOs that start through GRUB. */
const GRUB_REPORT = [
  /El Torito boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 /,
  /El Torito img path : +1 +\/boot\/grub\/i386-pc\/eltorito\.img/,
  /El Torito img opts : +1 +boot-info-table grub2-boot-info/,
  /System area summary: MBR protective-msdos-label grub2-mbr cyl-align-off GPT\n/,
];
const GRUB_FOLDERS = ["fonts", "i386-pc", "locale", "roms"];

interface Variant {
  readonly version: string;
  readonly bootloader: string;
  readonly report: readonly RegExp[];
  /** Lines of the GPT; without them there is none. */
  readonly table?: readonly RegExp[];
  /** Folders of the tree's root, and of GRUB's. */
  readonly root: readonly string[];
  readonly grub?: readonly string[];
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  grub: {
    version: "v1.7.7",
    bootloader: "grub",
    report: [
      ...GRUB_REPORT,
      /El Torito boot img : +2 +UEFI +y +none +0x0000 +0x00 +5760 /,
      /El Torito img path : +2 +\/efi\.img/,
      /GPT partition path : +2 +\/efi\.img/,
      /Volume Id {4}: ISOIMAGE\n/,
      /Volume Set Id: *\n/,
    ],
    table: [/1 +64 +\d+ .* Gap0/, /2 +\d+ +\d+ +2\.8 MiB +EF00 +EFI boot partition/, /3 +\d+ +\d+ .* Gap1/],
    root: ["boot", "boot.catalog", "efi.img"],
    grub: ["arm64-efi", ...GRUB_FOLDERS, "x86_64-efi"],
  },
  hybrid: {
    version: "v1.10.7",
    bootloader: "dual-boot",
    report: [
      ...GRUB_REPORT,
      /El Torito boot img : +2 +UEFI +y +none +0x0000 +0x00 +\d+ /,
      /El Torito img blks : +2 +6144/,
      /Partition offset {3}: 16/,
      /Volume Id {4}: TALOS_V1_10_7\n/,
      /Volume Set Id: Talos-v1\.10\.7\n/,
    ],
    table: [/1 +64 +\d+ .* ISO9660/, /2 +\d+ +\d+ +12\.0 MiB +EF00 +Appended2/, /3 +\d+ +\d+ .* Gap1/],
    root: ["EFI", "boot", "boot.catalog", "loader"],
    grub: GRUB_FOLDERS,
  },
  uefi: {
    version: "v1.14.0",
    bootloader: "sd-boot",
    report: [
      /El Torito boot img : +1 +UEFI +y +none +0x0000 +0x00 +24576 /,
      /El Torito img blks : +1 +6144/,
      /System area summary: MBR cyl-align-/,
      /MBR partition {6}: {3}1 {3}0x00 {2}0x83 +64 +\d+/,
      /MBR partition {6}: {3}2 {3}0x00 {2}0xef +\d+ +24576/,
      /Volume Id {4}: TALOS_V1_14_0\n/,
    ],
    root: ["EFI", "boot.catalog", "loader"],
  },
};

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** The bytes of the EFI image that El Torito's EFI entry begins at. */
async function efiImage(iso: string, report: string): Promise<Buffer> {
  const [, lba] = /El Torito boot img : +\d+ +UEFI +y +none +0x0000 +0x00 +\d+ +(\d+)\n/.exec(report) ?? [];
  return (await readFile(iso)).subarray(Number(lba) * 2048);
}

describe("whole ISOs of the tiny release", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let tested: TestFactory;
  const at = (name: string): string => join(data.path, name);

  before(async () => {
    data = await temporaryFolder();
    const [registry, key] = [new TestRegistry(), freshKey()];
    for (const { version } of Object.values(VARIANTS)) await addTinyRelease(registry, key, version);
    await registry.writeLayout(at("layout"));
    tested = await testFactory({
      source: { $case: "layout", folder: at("layout") },
      publicKey: pemOf(key),
      dataFolder: at("data"),
      grubFolder: await grubModules(() => undefined),
    });
  });
  after(async () => {
    await tested[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
  });

  const build = async (name: string, { version, bootloader }: Variant): Promise<string> => {
    const { id } = await tested.factory.putSchematic(utf8(`customization: {bootloader: ${bootloader}}`));
    const { statusCode, rawPayload } = await tested.app.inject(`/image/${id}/${version}/metal-amd64.iso`);
    assert.equal(statusCode, 200);
    await writeFile(at(`${name}.iso`), rawPayload);
    extract(at(`${name}.iso`), at(name));
    return at(`${name}.iso`);
  };

  /** GRUB's side of the tree: what it starts, its configuration and its modules. */
  const checkGrub = async (name: string, folders: readonly string[]): Promise<void> => {
    const boot = (path: string): string => join(at(name), "boot", path);
    assert.ok((await readFile(boot("vmlinuz"))).equals(BOOT_FILES.vmlinuz));
    const base = BOOT_FILES["initramfs.xz"];
    assert.ok((await readFile(boot("initramfs.xz"))).subarray(0, base.length).equals(base));
    const config = await readFile(boot("grub/grub.cfg"), "utf8");
    assert.match(config, /\tlinux \/boot\/vmlinuz talos\.platform=metal .*\n\tinitrd \/boot\/initramfs\.xz\n/);
    assert.deepEqual(readdirSync(boot("grub")).toSorted(), [...folders, "grub.cfg"].toSorted());
    for (const platform of folders.filter((folder) => folder.includes("-"))) {
      assert.ok(readdirSync(boot(`grub/${platform}`)).includes("normal.mod"), platform);
    }
  };

  /** The ESP holds what the tree holds. */
  const checkEsp = async (name: string, image: Buffer, version: string): Promise<void> => {
    const esp = at(`${name}-esp`);
    await writeFile(esp, image.subarray(0, (image.readUInt16LE(19) || image.readUInt32LE(32)) * 512));
    run("fsck.vfat", "-n", esp);
    const files = [...new FatReader(await readFile(esp)).walk()].filter(({ attributes }) => !(attributes & 0x10));
    assert.deepEqual(files.map(({ path }) => path).toSorted(), [
      "/EFI/BOOT/BOOTX64.EFI",
      `/EFI/Linux/Talos-${version}.efi`,
      "/loader/loader.conf",
      "/loader/random-seed",
    ]);
    for (const { path, bytes } of files) assert.ok((await readFile(join(at(name), path))).equals(bytes), path);
    assert.ok((await readFile(join(at(name), "EFI/BOOT/BOOTX64.EFI"))).equals(BOOT_FILES["systemd-boot.efi"]));
  };

  /** GRUB's EFI programs stand on a floppy, which mtools reads. */
  const checkFloppy = async (name: string): Promise<void> => {
    const floppy = join(at(name), "efi.img");
    run("fsck.vfat", "-n", floppy);
    const listed = run("mdir", "-b", "-/", "-i", floppy, "::").trim().split("\n");
    const programs = ["::/efi/boot/bootaa64.efi", "::/efi/boot/bootx64.efi"];
    assert.deepEqual(listed.filter((path) => path.endsWith(".efi")).toSorted(), programs);
    for (const [i, machine] of [0xaa64, 0x8664].entries()) {
      run("mcopy", "-n", "-i", floppy, programs[i]!, at(`program-${i}`));
      const program = await readFile(at(`program-${i}`));
      assert.equal(program.readUInt16LE(program.readUInt32LE(0x3c) + 4), machine);
    }
  };

  for (const [name, variant] of Object.entries(VARIANTS)) {
    it(`${name}: the tools find the boot structures, and the files in the tree and the EFI image`, async () => {
      const iso = await build(name, variant);
      const report = xorriso("-indev", iso, ...REPORTS);
      for (const line of [CREATED, ...variant.report]) assert.match(report, line);
      if (variant.table) {
        assert.match(run("sgdisk", "-v", iso), /No problems found/);
        const table = run("sgdisk", "-p", iso);
        for (const line of variant.table) assert.match(table, line);
      }
      assert.deepEqual(readdirSync(at(name)).toSorted(), variant.root);
      if (variant.grub) await checkGrub(name, variant.grub);
      if (variant.root.includes("EFI")) await checkEsp(name, await efiImage(iso, report), variant.version);
      else await checkFloppy(name);
    });
  }
});
