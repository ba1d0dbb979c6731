import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { GiB, MiB } from "../../src/bytes/align.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { inline, padTo, recipe, slice, zeros } from "../../src/extents/index.ts";
import { type IsoEntry, type IsoImage, isoImage } from "../../src/formats/iso9660/index.ts";
import { withFolder, writeImage } from "../support/write-image.ts";
import { extract, xorriso } from "../support/xorriso.ts";

function file(name: string, text: string): IsoEntry {
  return { $case: "file", name, content: inline(utf8(text)) };
}

function directory(name: string, ...children: IsoEntry[]): IsoEntry {
  return { $case: "directory", name, mode: 0o755, children };
}

function link(name: string, target: string): IsoEntry {
  return { $case: "symlink", name, target };
}

const LINKS = [
  "../EFI/BOOT",
  "/etc/./os-release",
  ".",
  "/",
  "a//b",
  ["a".repeat(255), "b".repeat(250), "c"].join("/"),
  "é".repeat(300),
];

function deep(depth: number): IsoEntry {
  return depth === 0 ? file("end", "deep") : directory(`level-${depth}`, deep(depth - 1));
}

const IMAGE: IsoImage = {
  volumeId: "TALOS_V1_14_0",
  volumeSetId: "Talos-v1.14.0",
  mtime: 1_700_000_000,
  rootMode: 0o755,
  elTorito: [{ platform: "efi", image: { $case: "appended" } }],
  appendedPartition: padTo(inline(utf8("the ESP")), 36 * MiB),
  tree: [
    directory("EFI", directory("Linux", file("Talos-v1.14.0.efi", "UKI".repeat(100_000))), directory("BOOT")),
    directory("loader", file("loader.conf", "timeout 10\n"), file("random-seed", "\0".repeat(32)), file("empty", "")),
    directory(
      "many",
      ...Array.from({ length: 300 }, (_, i) => file(`a-name-of-more-than-thirty-characters-${i}.config`, `${i}`)),
    ),
    deep(12),
    file("n".repeat(255), "long name"),
    file("ünïcode 日本", "text"),
    directory(
      "links",
      ...LINKS.map((target, i) => link(`${i}`, target)),
      link("l".repeat(255), `${"x/".repeat(511)}y`),
    ),
  ],
};

/** Compares what was extracted with the tree it was made from. */
function compare(folder: string, tree: readonly IsoEntry[]): void {
  const names = readdirSync(folder).filter((name) => name !== "boot.catalog");
  assert.deepEqual(names.toSorted(), tree.map(({ name }) => name).toSorted(), folder);
  for (const entry of tree) {
    const path = join(folder, entry.name);
    const found = lstatSync(path);
    if (entry.$case === "symlink") {
      assert.equal(readlinkSync(path), entry.target, path);
      continue;
    }
    assert.equal(found.mtimeMs, 1_700_000_000_000, path);
    assert.equal(found.mode & 0o777, entry.$case === "directory" ? 0o755 : 0o444, path);
    if (entry.$case === "directory") compare(path, entry.children);
    else {
      const extents = entry.content.extents.map((extent) =>
        extent.$case === "inline" ? extent.bytes : new Uint8Array(),
      );
      assert.ok(readFileSync(path).equals(Buffer.concat(extents)), path);
    }
  }
}

test("xorriso finds the boot structures it would have written itself", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "image.iso");
    await writeImage(path, isoImage(IMAGE));
    const out = xorriso("-indev", path, "-report_el_torito", "plain", "-report_system_area", "plain", "-pvd_info");
    assert.match(out, /El Torito cat path : \/boot\.catalog/);
    assert.match(out, /El Torito boot img : +1 +UEFI +y +none +0x0000 +0x00 +0 +1024\n/);
    assert.match(out, /El Torito img blks : +1 +18432/);
    assert.match(out, /System area summary: MBR cyl-align-/);
    assert.match(out, /Partition offset {3}: 16/);
    assert.match(out, /MBR heads per cyl {2}: 64/);
    assert.match(out, /MBR secs per head {2}: 32/);
    assert.match(out, /MBR partition {6}: {3}1 {3}0x00 {2}0x83 +64 +4032/);
    assert.match(out, /MBR partition {6}: {3}2 {3}0x00 {2}0xef +4096 +73728/);
    assert.match(out, /Volume Id {4}: TALOS_V1_14_0\n/);
    assert.match(out, /Volume Set Id: Talos-v1\.14\.0\n/);
    assert.match(out, /Creation Time: 2023111422132000/);
  });
});

/** Not GRUB's images: what is patched into them does not depend on what they do. */
const BIOS_IMAGE = inline(new Uint8Array(29_541).fill(0xb1));
const GRUB: IsoImage = {
  volumeId: "TALOS_V1_8_4",
  mtime: 1_700_000_000,
  grubBoot: new Uint8Array(512).fill(0xb0),
  tree: [
    directory("boot", directory("grub", { $case: "file", name: "eltorito.img", content: BIOS_IMAGE })),
    { $case: "file", name: "efi.img", content: inline(new Uint8Array(2880 * 1024).fill(0xef)) },
  ],
  elTorito: [
    { platform: "bios", image: { $case: "file", path: "/boot/grub/eltorito.img" }, loadSectors: 4 },
    { platform: "efi", image: { $case: "file", path: "/efi.img" } },
  ],
};
const HYBRID: IsoImage = {
  ...GRUB,
  tree: [...IMAGE.tree, GRUB.tree[0]!],
  elTorito: [GRUB.elTorito[0]!, ...IMAGE.elTorito],
  appendedPartition: IMAGE.appendedPartition!,
};

/** What xorriso reports of both: GRUB's boot sector and El Torito image know their places. */
const GRUB_REPORT: readonly RegExp[] = [
  /El Torito boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 /,
  /El Torito img path : +1 +\/boot\/grub\/eltorito\.img/,
  /El Torito img opts : +1 +boot-info-table grub2-boot-info/,
  /System area summary: MBR protective-msdos-label grub2-mbr cyl-align-off GPT\n/,
  /MBR heads per cyl {2}: 64/,
  /GPT entry array {4}: +2 +248 +separated/,
];
const VARIANTS: Readonly<Record<string, readonly [IsoImage, readonly RegExp[], readonly RegExp[]]>> = {
  hybrid: [
    HYBRID,
    [
      /El Torito boot img : +2 +UEFI +y +none +0x0000 +0x00 +0 +1024\n/,
      /El Torito img blks : +2 +18432/,
      /Partition offset {3}: 16/,
    ],
    [/1 +64 +4095 .* ISO9660/, /2 +4096 +77823 .*EF00 +Appended2/, /3 +77824 +78423 .* Gap1/],
  ],
  grub: [
    GRUB,
    [
      /El Torito boot img : +2 +UEFI +y +none +0x0000 +0x00 +5760 /,
      /El Torito img path : +2 +\/efi\.img/,
      /GPT partition path : +2 +\/efi\.img/,
      /Partition offset {3}: 0/,
    ],
    [/1 +64 +\d+ .* Gap0/, /2 +\d+ +\d+ +2\.8 MiB +EF00 +EFI boot partition/, /3 +\d+ +\d+ .* Gap1/],
  ],
};

for (const [name, [image, report, table]] of Object.entries(VARIANTS)) {
  test(`${name}: xorriso and sgdisk find GRUB's boot structures and the GPT`, async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "image.iso");
      await writeImage(path, isoImage(image));
      const out = xorriso("-indev", path, "-report_el_torito", "plain", "-report_system_area", "plain");
      for (const line of [...GRUB_REPORT, ...report]) assert.match(out, line);
      assert.match(execFileSync("sgdisk", ["-v", path], { encoding: "utf8" }), /No problems found/);
      const listed = execFileSync("sgdisk", ["-p", path], { encoding: "utf8" });
      for (const line of table) assert.match(listed, line);
    });
  });
}

test("the tree comes out of the image, and of partition 1 alone", async () => {
  await withFolder(async (folder) => {
    const image = isoImage(IMAGE);
    const parts = { "whole.iso": image, "partition.iso": slice(image, 32_768, 4032 * 512) };
    for (const [name, content] of Object.entries(parts)) {
      const path = join(folder, name);
      await writeImage(path, content);
      extract(path, `${path}.tree`);
      compare(`${path}.tree`, IMAGE.tree);
    }
  });
});

test("fdisk lists the file system and the ESP", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "image.iso");
    await writeImage(path, isoImage(IMAGE));
    const out = execFileSync("fdisk", ["-l", path], { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
    assert.match(out, /Disklabel type: dos/);
    assert.match(out, /64 +4095 +4032 +2M 83 Linux/);
    assert.match(out, /4096 +77823 +73728 +36M ef EFI/);
  });
});

async function textAt(path: string, offset: number, length: number): Promise<string> {
  const file = await open(path);
  try {
    return (await file.read(Buffer.alloc(length), 0, length, offset)).buffer.toString("latin1");
  } finally {
    await file.close();
  }
}

test("a file of more than 4 GiB is read across its sections", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "big.iso");
    const content = recipe([
      ...[{ $case: "zeros", length: 4 * GiB - 2050 } as const, { $case: "inline", bytes: utf8("border") } as const],
      { $case: "zeros", length: 5000 },
    ]);
    await writeImage(
      path,
      isoImage({ ...IMAGE, tree: [{ $case: "file", name: "big", content }], appendedPartition: zeros(MiB) }),
    );
    assert.match(xorriso("-indev", path, "-lsl", "/big"), new RegExp(` ${content.size} `));
    const lines = xorriso("-indev", path, "-find", "/", "-name", "big", "-exec", "report_lba", "--");
    const sections = [...lines.matchAll(/File data lba: +\d+ , +(\d+) , +(\d+) , +4294970252/g)];
    assert.deepEqual(
      sections.map(([, , blocks]) => Number(blocks)),
      [2_097_151, 3],
    );
    // The border between the sections lies within the word.
    const [first, second] = sections.map(([, block]) => Number(block) * 2048) as [number, number];
    assert.equal(await textAt(path, first + 4 * GiB - 2050, 2), "bo");
    assert.equal(await textAt(path, second, 4), "rder");
  });
});
