import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../../src/bytes/align.ts";
import { sha256 } from "../../../src/bytes/digest.ts";
import { blob, type Recipe, zeros } from "../../../src/extents/index.ts";
import {
  type IsoBootEntry,
  type IsoEntry,
  IsoError,
  type IsoImage,
  isoImage,
} from "../../../src/formats/iso9660/index.ts";
import { MbrError } from "../../../src/formats/mbr/index.ts";

const BOOT: IsoBootEntry = { platform: "efi", image: { $case: "appended" } };
const IMAGE: IsoImage = { volumeId: "V", mtime: 0, tree: [], elTorito: [BOOT], appendedPartition: zeros(MiB) };

/** What GRUB's boot sector asks for: its image as first entry, and one for EFI. */
const GRUB: Partial<IsoImage> = {
  grubBoot: new Uint8Array(512),
  tree: [{ $case: "file", name: "g", content: zeros(2556) }],
  elTorito: [{ platform: "bios", image: { $case: "file", path: "/g" } }, BOOT],
};

function grubImage(content: Recipe): Partial<IsoImage> {
  return { ...GRUB, tree: [{ $case: "file", name: "g", content }] };
}

function named(...fileNames: string[]): Partial<IsoImage> {
  return { tree: fileNames.map((name) => ({ $case: "file", name, content: zeros(1) })) };
}

function nested(depth: number): IsoEntry {
  let entry: IsoEntry = { $case: "directory", name: "d", children: [] };
  for (let i = 1; i < depth; i++) entry = { $case: "directory", name: "d", children: [entry] };
  return entry;
}

function sized(size: number): Partial<IsoImage> {
  return { tree: [{ $case: "file", name: "f", content: blob(sha256("f"), size) }] };
}

const LINK_BOOTS: Partial<IsoImage> = {
  tree: [{ $case: "symlink", name: "l", target: "x" }],
  elTorito: [{ ...BOOT, image: { $case: "file", path: "/l" } }],
};

const EMPTY_DIRECTORIES: readonly IsoEntry[] = Array.from({ length: 65_535 }, (_, i) => ({
  $case: "directory",
  name: `d${i}`,
  children: [],
}));

const REFUSED: readonly (readonly [string, Partial<IsoImage>, string])[] = [
  ["lower-case volume id", { volumeId: "talos" }, "volume_id_invalid"],
  ["long volume id", { volumeId: "V".repeat(33) }, "volume_id_invalid"],
  ["long volume set id", { volumeSetId: "V".repeat(129) }, "volume_id_invalid"],
  ["preparer id with a line break", { preparerId: "a\nb" }, "volume_id_invalid"],
  ["before 1970", { mtime: -1 }, "time_range"],
  ["after 2155", { mtime: 5_869_584_000 }, "time_range"],
  ["fraction of a second", { mtime: 1.5 }, "time_range"],
  ["empty name", named(""), "name_invalid"],
  ["dots", named(".."), "name_invalid"],
  ["slash", named("a/b"), "name_invalid"],
  ["NUL", named("a\0"), "name_invalid"],
  ["256 bytes", named("é".repeat(128)), "name_invalid"],
  ["lone surrogate", named("\udc00"), "name_invalid"],
  ["twice the same", named("a", "b", "a"), "name_duplicate"],
  ["the catalog's name", named("boot.catalog"), "name_duplicate"],
  ["mode with a file type", { rootMode: 0o40755 }, "mode_invalid"],
  ["negative mode", { tree: [{ $case: "file", name: "f", mode: -1, content: zeros(0) }] }, "mode_invalid"],
  ...["", "a\0b", "x".repeat(1024), "\udc00"].map(
    (target) =>
      [
        `link to ${target.length} characters`,
        { tree: [{ $case: "symlink", name: "l", target }] },
        "target_invalid",
      ] as const,
  ),
  ["a link as boot image", LINK_BOOTS, "boot_entry_invalid"],
  ["too deep", { tree: [nested(66)] }, "too_deep"],
  ["too many directories", { tree: EMPTY_DIRECTORIES }, "too_many_directories"],
  ["no boot entry", { elTorito: [] }, "boot_entry_invalid"],
  ["too many boot entries", { elTorito: Array.from({ length: 33 }, () => BOOT) }, "boot_entry_invalid"],
  ["load size of 17 bits", { elTorito: [{ ...BOOT, loadSectors: 65_536 }] }, "boot_entry_invalid"],
  [
    "missing boot image",
    { elTorito: [{ platform: "bios", image: { $case: "file", path: "/x" } }] },
    "boot_entry_invalid",
  ],
  [
    "empty boot image",
    {
      tree: [{ $case: "file", name: "x", content: zeros(0) }],
      elTorito: [{ ...BOOT, image: { $case: "file", path: "/x" } }],
    },
    "boot_entry_invalid",
  ],
  [
    "the catalog as boot image",
    { elTorito: [{ ...BOOT, image: { $case: "file", path: "/boot.catalog" } }] },
    "boot_entry_invalid",
  ],
  ["empty appended partition", { appendedPartition: zeros(0) }, "boot_entry_invalid"],
  ["short boot sector", { ...GRUB, grubBoot: new Uint8Array(511) }, "boot_entry_invalid"],
  ["GRUB's boot sector without BIOS entry", { ...GRUB, elTorito: [BOOT] }, "boot_entry_invalid"],
  [
    "GRUB's boot sector before an appended image",
    { ...GRUB, elTorito: [{ ...BOOT, platform: "bios" }, BOOT] },
    "boot_entry_invalid",
  ],
  ["GRUB's boot sector without EFI entry", { ...GRUB, elTorito: GRUB.elTorito!.slice(0, 1) }, "boot_entry_invalid"],
  ["short GRUB image", grubImage(zeros(2555)), "boot_entry_invalid"],
  ["large GRUB image", grubImage(zeros(MiB + 1)), "boot_entry_invalid"],
  ["GRUB image that is a blob", grubImage(blob(sha256("g"), 4096)), "boot_entry_invalid"],
  ["more than 2^32 blocks", sized(2 ** 43), "image_too_large"],
];

test("images that ISO 9660 cannot hold are refused with their code", () => {
  for (const [what, change, code] of REFUSED) {
    assert.throws(
      () => isoImage({ ...IMAGE, ...change }),
      (error: unknown) => error instanceof IsoError && error.code === code && error.message.startsWith("iso9660"),
      what,
    );
  }
  assert.throws(() => isoImage({ ...IMAGE, ...sized(2 ** 41) }), MbrError);
});

test("nothing to boot from but a file of the tree is refused", () => {
  const { appendedPartition: _, ...bare } = IMAGE;
  const tree: readonly IsoEntry[] = [{ $case: "file", name: "x", content: zeros(1) }];
  for (const image of [{ $case: "appended" } as const, { $case: "file", path: "/x" } as const]) {
    assert.throws(() => isoImage({ ...bare, tree, elTorito: [{ platform: "efi", image }] }), {
      code: "boot_entry_invalid",
    });
  }
});

test("the last that fits is accepted", () => {
  isoImage({ ...IMAGE, ...GRUB });
  isoImage({ ...IMAGE, ...grubImage(zeros(MiB)) });
  isoImage({ ...IMAGE, ...named("é".repeat(127), "n".repeat(255)) });
  isoImage({ ...IMAGE, tree: [nested(64)] });
  isoImage({ ...IMAGE, mtime: 5_869_583_999 });
  isoImage({ ...IMAGE, elTorito: Array.from({ length: 32 }, () => BOOT) });
  isoImage({ ...IMAGE, ...sized(2 ** 41 - 40 * MiB) });
});
