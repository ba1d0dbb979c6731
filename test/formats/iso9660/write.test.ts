import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GiB, MiB } from "../../../src/bytes/align.ts";
import { digestHex, sha256 } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { blob, inline, type Recipe, read, zeros } from "../../../src/extents/index.ts";
import { type IsoEntry, type IsoImage, isoImage } from "../../../src/formats/iso9660/index.ts";
import { bootRecord, primaryDescriptor } from "../../../src/formats/iso9660/layout.ts";
import { IsoReader } from "../../support/iso-reader.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

function file(name: string, text: string, mode?: number): IsoEntry {
  return { $case: "file", name, content: inline(utf8(text)), ...(mode === undefined ? {} : { mode }) };
}

function link(name: string, target: string): IsoEntry {
  return { $case: "symlink", name, target };
}

function directory(name: string, ...children: IsoEntry[]): IsoEntry {
  return { $case: "directory", name, children };
}

const IMAGE: IsoImage = {
  volumeId: "TALOS_V1_14_0",
  volumeSetId: "Talos-v1.14.0",
  preparerId: "test",
  mtime: 1_700_000_000,
  elTorito: [{ platform: "efi", image: { $case: "appended" } }],
  appendedPartition: zeros(36 * MiB),
  tree: [
    directory(
      "loader",
      file("random-seed", "\0".repeat(32), 0o600),
      file("loader.conf", "timeout 10\n"),
      file("none", ""),
    ),
    directory("EFI", directory("Linux", file("Talos-v1.14.0.efi", "UKI".repeat(3000))), directory("BOOT")),
    file("n".repeat(255), "long name"),
  ],
};

/** Reads the metadata through the whole image, or through partition 1. */
async function reader(image: Recipe, base = 0): Promise<IsoReader> {
  const length = Math.min(image.size - base * 2048, 2 * MiB);
  return new IsoReader(await read(image, NO_BLOBS, base * 2048, length));
}

test("both views show the same tree with the same bytes", async () => {
  const image = isoImage(IMAGE);
  for (const base of [0, 16]) {
    const view = await reader(image, base);
    const found = [...view.walk()].map(({ path, mode, links }) => [path.slice(0, 30), mode.toString(8), links]);
    assert.deepEqual(found, [
      ["/boot.catalog", "100444", 1],
      ["/EFI", "40555", 4],
      ["/EFI/BOOT", "40555", 2],
      ["/EFI/Linux", "40555", 2],
      ["/EFI/Linux/Talos-v1.14.0.efi", "100444", 1],
      ["/loader", "40555", 2],
      ["/loader/loader.conf", "100444", 1],
      ["/loader/none", "100444", 1],
      ["/loader/random-seed", "100600", 1],
      [`/${"n".repeat(29)}`, "100444", 1],
    ]);
    const uki = [...view.walk()].find(({ path }) => path.endsWith(".efi"))!;
    const [section] = uki.sections;
    const bytes = await read(image, NO_BLOBS, (section!.block + base) * 2048, section!.bytes);
    assert.deepEqual(bytes, utf8("UKI".repeat(3000)));
    assert.deepEqual(uki.time, [123, 11, 14, 22, 13, 20, 0]);
    assert.equal([...view.walk()].at(-1)!.path, `/${"n".repeat(255)}`);
  }
});

test("both path tables of both views agree with the directories", async () => {
  const image = isoImage(IMAGE);
  for (const base of [0, 16]) {
    const view = await reader(image, base);
    const rows = [...view.pathTable("little")];
    assert.deepEqual([...view.pathTable("big")], rows);
    assert.deepEqual(
      rows.map(([identifier, , parent]) => [identifier, parent]),
      [
        ["\0", 1],
        ["EFI", 1],
        ["LOADER", 1],
        ["BOOT", 2],
        ["LINUX", 2],
      ],
    );
    const blocks = new Map([...view.walk()].map(({ identifier, sections }) => [identifier, sections[0]!.block]));
    for (const [identifier, block] of rows.slice(1)) assert.equal(blocks.get(identifier), block);
  }
});

test("descriptors: names, dates, sizes of the image and of partition 1", async () => {
  const image = isoImage(IMAGE);
  const { volume } = await reader(image);
  assert.deepEqual(
    [volume.volumeId, volume.volumeSetId, volume.preparerId],
    ["TALOS_V1_14_0", "Talos-v1.14.0", "test"],
  );
  for (const date of [volume.created, volume.modified]) {
    assert.equal(Buffer.from(date).toString("latin1"), "2023111422132000\0");
  }
  assert.equal(volume.volumeBlocks * 2048, image.size);
  assert.equal((await reader(image, 16)).volume.volumeBlocks, 512 - 16);
  // 1 MiB of file system, 36 MiB of ESP, 150 blocks.
  assert.equal(image.size, 37 * MiB + 150 * 2048);
});

/** ESP in MiB, its first block; SHA-256 of the catalog that xorriso 1.5.4 writes for it. */
const CATALOGS: readonly (readonly [number, number, string])[] = [
  [74, 32_256, "89dc21b8bdaad56c469748b8fedb9e3ee95c99af857b5ef86fa86db4afc2ccaf"],
  [36, 12_800, "5a88609dbc71aff15b4d41b4ed5e881057a4c4843a77a1d1569eab6f7251d20a"],
];

async function catalogOf(image: Recipe): Promise<Uint8Array> {
  const { catalogBlock } = bootRecord.decode(await read(image, NO_BLOBS, 17 * 2048, 2048));
  return read(image, NO_BLOBS, catalogBlock * 2048, 2048);
}

test("the boot catalog equals xorriso's, with load size 0 beyond 65535 sectors", async () => {
  for (const [mib, block, hex] of CATALOGS) {
    const filler: IsoEntry = { $case: "file", name: "filler", content: zeros((block - 300) * 2048) };
    const image = isoImage({ ...IMAGE, tree: [filler], appendedPartition: zeros(mib * MiB) });
    assert.equal(digestHex(sha256(await catalogOf(image))), hex);
  }
});

test("a BIOS entry from the tree and an EFI section", async () => {
  const tree = [directory("boot", file("eltorito.img", "E".repeat(5000)))];
  const image = isoImage({
    ...IMAGE,
    tree,
    appendedPartition: zeros(MiB),
    elTorito: [
      { platform: "bios", image: { $case: "file", path: "/boot/eltorito.img" }, loadSectors: 4 },
      { platform: "efi", image: { $case: "appended" } },
    ],
  });
  const catalog = Buffer.from(await catalogOf(image));
  const found = [...(await reader(image)).walk()].find(({ path }) => path.endsWith(".img"))!;
  assert.equal(catalog.subarray(32, 40).toString("hex"), "8800000000000400");
  assert.equal(catalog.readUInt32LE(40), found.sections[0]!.block);
  assert.equal(catalog.subarray(64, 68).toString("hex"), "91ef0100");
  assert.deepEqual([catalog.readUInt16LE(96 + 6), catalog.readUInt32LE(96 + 8)], [2048, 512]);
});

test("the MBR: file system from sector 64, ESP at a whole MiB, nothing else in the system area", async () => {
  const head = Buffer.from(await read(isoImage(IMAGE), NO_BLOBS, 0, 32_768));
  const slots = [446, 462].map((at) => [head[at + 4], head.readUInt32LE(at + 8), head.readUInt32LE(at + 12)]);
  assert.deepEqual(slots, [
    [0x83, 64, 1984],
    [0xef, 2048, 73_728],
  ]);
  assert.ok([...head.subarray(0, 446), ...head.subarray(478, 510), ...head.subarray(512)].every((byte) => byte === 0));
});

/** File size in bytes; sizes of the sections it needs. */
const SECTIONS: readonly (readonly [number, readonly number[]])[] = [
  [4 * GiB - 2048, [4 * GiB - 2048]],
  [4 * GiB - 2047, [4 * GiB - 2048, 1]],
  [4 * GiB - 1, [4 * GiB - 2048, 2047]],
  [4 * GiB, [4 * GiB - 2048, 2048]],
  [4 * GiB + 1, [4 * GiB - 2048, 2049]],
  [9 * GiB, [4 * GiB - 2048, 4 * GiB - 2048, GiB + 4096]],
];

test("files around 4 GiB have contiguous sections, and stay extents", async () => {
  for (const [size, expected] of SECTIONS) {
    const image = isoImage({ ...IMAGE, tree: [{ $case: "file", name: "big", content: blob(sha256("big"), size) }] });
    const metadata = await read(image, NO_BLOBS, 0, 50 * 2048 - 8 * 2048);
    const big = [...new IsoReader(metadata).walk()].find(({ path }) => path === "/big")!;
    assert.deepEqual(
      big.sections.map(({ bytes }) => bytes),
      expected,
    );
    for (const [i, { block }] of big.sections.entries()) {
      assert.equal(block, big.sections[0]!.block + i * (0xfffff800 / 2048));
    }
    assert.ok(image.extents.some((extent) => extent.$case === "blob" && extent.length === size));
  }
});

/** Target; its SL entry as xorriso 1.5.4 writes it, from its flags on. */
const LINKS: readonly (readonly [string, string])[] = [
  ["../x", "00 0400 000178"],
  ["/abs/./../q//r/", "00 0800 0003616273 0200 0400 000171 0800 000172"],
  [".", "00 0200"],
  ["/", "00 0800"],
  ["toString", "00 0008746f537472696e67"],
];

test("symbolic links: components, entries that continue, and names that go on in the next", async () => {
  const long = ["a".repeat(255), "b".repeat(250), "é".repeat(200)].join("/");
  const targets = [...LINKS.map(([target]) => target), long, "x/".repeat(500), "y".repeat(1023)];
  const tree = targets.map((target, i) => link(`${i}${"n".repeat(i < LINKS.length ? 0 : 254)}`, target));
  const image = isoImage({ ...IMAGE, tree });
  const found = [...(await reader(image)).walk()].filter(({ target }) => target !== undefined);
  assert.deepEqual(
    found.map(({ path, mode, target }) => [path.slice(0, 3), mode.toString(8), target]),
    targets.map((target, i) => [
      i < LINKS.length ? `/${i}` : `/${i}n`,
      "120777",
      target === "/" ? target : target.replace(/\/$/, ""),
    ]),
  );
  const bytes = Buffer.from(await read(image, NO_BLOBS, 0, MiB)).toString("hex");
  for (const [target, entry] of LINKS) {
    const rest = entry.replaceAll(" ", "");
    const head = Buffer.from([0x53, 0x4c, 4 + rest.length / 2, 1]).toString("hex");
    assert.ok(bytes.includes(head + rest), target);
  }
});

test("the order of the input does not matter", () => {
  const reversed = { ...IMAGE, tree: IMAGE.tree.toReversed() };
  assert.equal(isoImage(IMAGE).identity, isoImage(reversed).identity);
});

test("the second primary descriptor decodes at block 32", async () => {
  const bytes = await read(isoImage(IMAGE), NO_BLOBS, 32 * 2048, 2 * 2048);
  assert.equal(primaryDescriptor.decode(bytes).identifier, "CD001");
  assert.equal(Buffer.from(bytes.subarray(2048, 2055)).toString("hex"), "ff434430303101");
});

const names = fc.stringMatching(/^[A-Za-z0-9._ é-]{0,60}[A-Za-z0-9]$/);
const targets = fc
  .tuple(fc.boolean(), fc.array(fc.oneof(fc.constantFrom(".", "..", ""), names), { minLength: 1, maxLength: 12 }))
  .map(([absolute, parts]) => (absolute ? "/" : "") + [...parts, "end"].join("/"));
const trees = fc.letrec<{ entry: IsoEntry; entries: IsoEntry[] }>((tie) => ({
  entry: fc.oneof(
    { maxDepth: 3, depthIdentifier: "tree" },
    fc.record({ name: names, text: fc.string({ maxLength: 3000 }) }).map(({ name, text }) => file(name, text)),
    fc.record({ name: names, target: targets }).map(({ name, target }) => link(name, target)),
    fc.record({ name: names, children: tie("entries") }).map(({ name, children }) => directory(name, ...children)),
  ),
  entries: fc.uniqueArray(tie("entry"), { selector: (entry) => entry.name, maxLength: 30 }),
}));

function flatten(tree: readonly IsoEntry[], folder = ""): string[] {
  return tree.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.$case === "directory") return [path, ...flatten(entry.children, path)];
    return entry.$case === "file" ? `${path} ${entry.content.size}` : `${path} -> ${entry.target}`;
  });
}

test("property: an independent reader finds the tree again through both views", async () => {
  await fc.assert(
    fc.asyncProperty(trees.entries, async (tree) => {
      const image = isoImage({ ...IMAGE, tree, appendedPartition: zeros(MiB) });
      const bytes = await read(image, NO_BLOBS);
      for (const base of [0, 16]) {
        const found = [...new IsoReader(bytes.subarray(base * 2048)).walk()];
        const listed = found.map(({ path, mode, sections, target }) => {
          if (target !== undefined) return `${path} -> ${target}`;
          return mode & 0o040000 ? path : `${path} ${sections[0]!.bytes}`;
        });
        assert.deepEqual(listed.toSorted(), [...flatten(tree), "/boot.catalog 2048"].toSorted());
      }
    }),
    { numRuns: 30 },
  );
});
