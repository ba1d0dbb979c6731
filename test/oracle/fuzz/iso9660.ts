import assert from "node:assert/strict";
import { join } from "node:path";
import { MiB } from "../../../src/bytes/align.ts";
import { FactoryError } from "../../../src/errors.ts";
import { inline } from "../../../src/extents/index.ts";
import { type IsoImage, isoImage } from "../../../src/formats/iso9660/index.ts";
import { noise } from "../../support/recipes.ts";
import { treeOnDisk } from "../../support/tree-on-disk.ts";
import { writeImage } from "../../support/write-image.ts";
import { extract, xorriso } from "../../support/xorriso.ts";
import { assertSame, attempt, type FuzzedWriter, type Outcome, run } from "./judge.ts";
import { POSIX_NAMES } from "./names.ts";
import type { Random } from "./random.ts";
import {
  expectedOnDisk,
  type LinkNode,
  type Node,
  randomContent,
  randomSize,
  randomTarget,
  randomTree,
} from "./tree.ts";

type IsoTree = readonly Node<LinkNode>[];

const BLOCK_BYTES = 2048;
const MODES = 0o777;
const CATALOG = "boot.catalog";
/** Boot images have names that random ones have not. */
const BIOS_NAME = "fuzz: eltorito.img";
const EFI_NAME = "fuzz: efi.img";

type BootFiles = Pick<IsoImage, "elTorito" | "appendedPartition" | "grubBoot"> & { readonly files: IsoTree };

/** One of the three variants (outputs.md 3.1 to 3.5) with boot images of random sizes. */
function bootFiles(random: Random): BootFiles {
  const esp = randomContent(random, Math.max(1, randomSize(random, [BLOCK_BYTES, MiB], 5 * MiB)));
  const efiFile = { $case: "file", name: EFI_NAME, mode: 0o644, content: esp } as const;
  // GRUB's image is told its place at 0x9f4, so it is longer than that.
  const bios = inline(noise(random.pick([2556, 4096, 29_541, random.int(2556, MiB)]), 3));
  const biosFile = { $case: "file", name: BIOS_NAME, mode: 0o644, content: bios } as const;
  const appended = { platform: "efi", image: { $case: "appended" } } as const;
  const grub = { platform: "bios", image: { $case: "file", path: `/${BIOS_NAME}` }, loadSectors: 4 } as const;
  const grubBoot = noise(512, 9);
  switch (random.int(0, 2)) {
    case 0:
      return { elTorito: [appended], appendedPartition: esp, files: [] };
    case 1:
      return { elTorito: [grub, appended], appendedPartition: esp, grubBoot, files: [biosFile] };
    default: {
      const efi = { platform: "efi", image: { $case: "file", path: `/${EFI_NAME}` } } as const;
      return { elTorito: [grub, efi], grubBoot, files: [biosFile, efiFile] };
    }
  }
}

function randomNodes(random: Random): IsoTree {
  return randomTree<LinkNode>(random, {
    names: POSIX_NAMES,
    entries: random.pick([20, 150, 700]),
    depth: 60,
    modes: MODES,
    units: [BLOCK_BYTES],
    largest: random.pick([4 * BLOCK_BYTES, 4 * BLOCK_BYTES, MiB]),
    // xorriso reads no longer targets.
    other: (from, name) => ({ $case: "symlink", name, target: randomTarget(from, 1023) }),
  });
}

/** Has xorriso read the volume and copy all of it out, and sgdisk verify the GPT that images with GRUB have. */
async function judgeImage(image: IsoImage, boot: BootFiles, tree: IsoTree, folder: string): Promise<void> {
  const path = join(folder, "image.iso");
  await writeImage(path, isoImage(image));
  const report = xorriso("-indev", path, "-report_el_torito", "plain", "-report_system_area", "plain");
  assert.equal(report.match(/El Torito boot img :/g)?.length, boot.elTorito.length, report);
  if (boot.grubBoot) {
    const said = run("sgdisk", ["-v", path]);
    assert.match(said, /No problems found/, said);
  }
  const out = join(folder, "out");
  extract(path, out);
  const found = treeOnDisk(out, MODES);
  assert.match(found.get(CATALOG) ?? "", /^file 444/);
  const expected = await expectedOnDisk([...tree, ...boot.files], MODES);
  // The catalog is the writer's, and GRUB's image has been told its place.
  for (const name of [CATALOG, BIOS_NAME]) {
    found.delete(name);
    expected.delete(name);
  }
  assertSame(found, expected);
}

async function judge(random: Random, folder: string): Promise<Outcome> {
  const boot = bootFiles(random);
  const tree = randomNodes(random);
  const { files, ...variant } = boot;
  const image: IsoImage = {
    ...variant,
    volumeId: random.pick(["TALOS_V1_14_0", "A", "X".repeat(32)]),
    mtime: random.pick([0, 1_559_424_892, 2 ** 31, 5_869_583_999]),
    tree: [...tree, ...files],
  };
  const given = attempt(() => isoImage(image));
  if (!(given instanceof FactoryError)) {
    await judgeImage(image, boot, tree, folder);
    return "taken";
  }
  const clean = tree.filter(({ name }) => name !== CATALOG);
  assert.ok(given.code === "name_duplicate" && clean.length < tree.length, given.message);
  await judgeImage({ ...image, tree: [...clean, ...files] }, boot, clean, folder);
  return "refused";
}

/** Refused: a file with the name of the boot catalog. */
export const iso9660: FuzzedWriter = { name: "iso9660", share: 10, refusals: 0.2, judge };
