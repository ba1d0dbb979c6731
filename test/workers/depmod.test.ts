import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { concatBytes } from "../../src/bytes/text.ts";
import { concat, blob as extentOf, inline, read } from "../../src/extents/index.ts";
import { cpioArchive } from "../../src/formats/cpio/index.ts";
import { openSquashfs } from "../../src/formats/squashfs/index.ts";
import { LocalBlobStore, writeBlob } from "../../src/store/local-blobs.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { combineModules } from "../../src/workers/jobs/depmod.ts";
import type { JobContext } from "../../src/workers/jobs/index.ts";
import type { Jobs, SquashfsParts } from "../../src/workers/protocol.ts";
import { openSpool } from "../../src/workers/spool.ts";
import { moduleFile } from "../formats/kmod/support.ts";
import { build, type Item, MTIME, WIDE } from "../formats/squashfs/support.ts";
import { temporaryFolder } from "../support/folder.ts";

const { codec } = loadCodec();
const KERNEL = "6.18.0-test";
const FOLDER = `usr/lib/modules/${KERNEL}`;
const SUPERBLOCK = 96;

const BASE_MODULE = moduleFile({ exports: ["base"], info: ["alias=of-base"] });
const USER = moduleFile({ needs: ["base"], info: ["alias=of-user"] });

function file(path: string, bytes: Uint8Array | string, mode = 0o644): Item {
  return { $case: "file", path: `${FOLDER}/${path}`, bytes: Buffer.from(bytes), mode };
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

const BASE: readonly Item[] = [
  file("kernel/base.ko", BASE_MODULE),
  file("modules.order", "kernel/base.ko\n", 0o600),
  file("modules.builtin", "kernel/fs/ext4.ko\n"),
  file("modules.dep", "left by an earlier run\n"),
  file("modules.extra", "kept\n"),
  { $case: "symlink", path: `${FOLDER}/build`, target: "/usr/src/linux" },
  { $case: "directory", path: `${FOLDER}/modules.folder` },
];

describe("combining modules", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let blobs: LocalBlobStore;
  let context: JobContext;

  before(async () => {
    data = await temporaryFolder();
    blobs = await LocalBlobStore.open(data.path, Date.now());
    const temporary = join(data.path, "tmp");
    const spool: JobContext["spool"] = (source, maxBytes) => openSpool(temporary, source, maxBytes);
    context = { blobs, codec, mtime: MTIME, temporary, spool, checkpoint: () => undefined };
  });
  after(async () => {
    blobs.close();
    await data[Symbol.asyncDispose]();
  });

  const stored = (bytes: Uint8Array) => writeBlob(blobs, [bytes], { maxBytes: 2 ** 30 });

  async function extension(items: readonly Item[], name = "drivers") {
    const image = await build(items);
    const body = await stored(image.subarray(SUPERBLOCK));
    return { name, squashfs: { superblock: image.subarray(0, SUPERBLOCK).toString("base64"), body } };
  }

  /** A base initramfs with a root file system of `items`, packed with zstd or xz. */
  async function initramfs(items: readonly Item[], packing: "zstd" | "xz" = "zstd", name = "rootfs.sqsh") {
    const attributes = { mode: 0o644, mtime: MTIME };
    const archive = cpioArchive([
      { $case: "file", path: "init", ...attributes, body: inline(Buffer.from("#!/init")) },
      { $case: "file", path: name, ...attributes, body: inline(await build(items)) },
    ]);
    const plain = await read(archive, blobs);
    const xz = { preset: 0, check: "crc32" } as const;
    return await stored(packing === "zstd" ? await codec.zstd(plain, { level: 3 }) : await codec.xz(plain, xz));
  }

  async function combine(
    base: readonly Item[],
    extensions: readonly (readonly Item[])[],
    change: Partial<Jobs["depmod"]["input"]> = {},
  ): Promise<Jobs["depmod"]["output"]> {
    return await combineModules(
      {
        initramfs: await initramfs(base),
        extensions: await Promise.all(extensions.map((items) => extension(items))),
        modulesPath: "/usr/lib/modules",
        compression: { $case: "zstd", level: 18 },
        kmod: 30,
        ...change,
      },
      context,
    );
  }

  /** Path, mode and text of everything in an image. */
  async function treeOf({ superblock, body }: SquashfsParts): Promise<Map<string, string>> {
    const whole = concat(inline(Buffer.from(superblock, "base64")), extentOf(body.digest, body.size));
    const source = { size: whole.size, read: (offset: number, length: number) => read(whole, blobs, offset, length) };
    const reader = await openSquashfs(source, codec, WIDE);
    const out = new Map<string, string>();
    for await (const { path, node } of reader.walk("")) {
      const text = node.$case === "file" ? (await collect(reader.read(node))).toString("latin1") : node.$case;
      out.set(path, `${node.mode.toString(8)} ${text}`);
    }
    return out;
  }

  async function textOf(made: Jobs["depmod"]["output"], name: string): Promise<string | undefined> {
    return (await treeOf(made.squashfs)).get(`${FOLDER}/${name}`)?.replace(/^\d+ /, "");
  }

  it("keeps the lists there were, makes the others, and takes no module along", async () => {
    const made = await combine(BASE, [[file("extras/user.ko", USER)]]);
    assert.equal(made.release, KERNEL);
    const tree = await treeOf(made.squashfs);
    const names = [...tree.keys()].filter((path) => path.startsWith(`${FOLDER}/`));
    assert.deepEqual(
      names.map((path) => path.slice(FOLDER.length + 1)).sort(),
      [
        ...["alias", "alias.bin", "builtin", "builtin.alias.bin", "builtin.bin", "dep", "dep.bin", "devname", "extra"],
        ...["order", "softdep", "symbols", "symbols.bin"],
      ].map((name) => `modules.${name}`),
    );
    assert.equal(tree.get("usr"), "755 directory");
    assert.equal(tree.get(FOLDER), "755 directory");
    assert.equal(tree.get(`${FOLDER}/modules.order`), "600 kernel/base.ko\n");
    assert.equal(tree.get(`${FOLDER}/modules.extra`), "644 kept\n");
    assert.equal(tree.get(`${FOLDER}/modules.dep`), "644 kernel/base.ko:\nextras/user.ko: kernel/base.ko\n");
    assert.equal(tree.get(`${FOLDER}/modules.builtin.alias.bin`), "644 ");
    assert.deepEqual(await readdir(join(data.path, "tmp")), []);
  });

  it("lets later extensions win over earlier ones and over the release", async () => {
    const other = moduleFile({ info: ["alias=other"] });
    const first = [file("extras/user.ko", USER), file("modules.order", "extras/user.ko\n")];
    const second = [file("extras/user.ko", other), file("kernel/base.ko", other), file("extras/base.ko", USER)];
    const made = await combine(BASE, [first, second]);
    assert.equal(await textOf(made, "modules.dep"), "extras/user.ko:\nextras/base.ko:\n");
    assert.equal(await textOf(made, "modules.order"), "extras/user.ko\n");
    const swapped = await combine(BASE, [second, first]);
    assert.match((await textOf(swapped, "modules.alias"))!, /of-user user\n/);
  });

  it("reads packed modules, and links to modules", async () => {
    const made = await combine(BASE, [
      [
        file("extras/gz.ko.gz", gzipSync(USER)),
        file("extras/xz.ko.xz", await codec.xz(USER, { preset: 0, check: "crc32" })),
        file("extras/zst.ko.zst", await codec.zstd(USER, { level: 1 })),
        { $case: "symlink", path: `${FOLDER}/extras/link.ko`, target: "../hidden/real" },
        { $case: "symlink", path: `${FOLDER}/extras/absolute.ko`, target: `/${FOLDER}/extras/link.ko` },
        { $case: "symlink", path: `${FOLDER}/extras/circle.ko`, target: "circle.ko" },
        { $case: "symlink", path: `${FOLDER}/extras/nowhere.ko`, target: "../../../../../nothing" },
        file("hidden/real", USER),
      ],
    ]);
    const lines = (await textOf(made, "modules.dep"))!.trimEnd().split("\n").slice(1).sort();
    const names = ["absolute.ko", "gz.ko.gz", "link.ko", "xz.ko.xz", "zst.ko.zst"];
    assert.deepEqual(
      lines,
      names.map((name) => `extras/${name}: kernel/base.ko`),
    );
  });

  it("gives the same bytes for the same modules, however the initramfs is packed", async () => {
    const items = [file("extras/user.ko", USER)];
    const made = await combine(BASE, [items]);
    assert.deepEqual(await combine(BASE, [items]), made);
    assert.deepEqual(await combine(BASE, [items], { initramfs: await initramfs(BASE, "xz") }), made);
    const { digest, size } = await initramfs(BASE);
    const padded = await stored(concatBytes(await blobs.read(digest, 0, size), new Uint8Array(3)));
    assert.deepEqual(await combine(BASE, [items], { initramfs: padded }), made);
    const xz = await combine(BASE, [items], { compression: { $case: "xz" } });
    assert.deepEqual(await treeOf(xz.squashfs), await treeOf(made.squashfs));
  });

  it("refuses what does not belong together", async () => {
    const user = [file("extras/user.ko", USER)];
    const elsewhere = [{ ...file("", USER), path: "usr/lib/modules/5.0.0/x.ko" }];
    const old = BASE.map((item) => ({ ...item, path: item.path.replace("usr/", "") }));
    const broken = (bytes: Uint8Array): Item[] => [file("extras/user.ko", bytes)];
    const vectors: readonly (readonly [() => Promise<unknown>, string, RegExp])[] = [
      [() => combine(BASE, [user, elsewhere]), "extension_incompatible", /drivers has no kernel modules for 6\.18/],
      [() => combine([...BASE, ...elsewhere], [user]), "extension_incompatible", /modules of one kernel/],
      [() => combine(old, [user]), "extension_incompatible", /modules of one kernel/],
      [
        async () => combine(BASE, [user], { initramfs: await initramfs(BASE, "zstd", "rootfs.img") }),
        "extension_incompatible",
        /no rootfs\.sqsh/,
      ],
      [() => combine(BASE, [broken(Buffer.from("text"))]), "extension_invalid", /extras\/user\.ko: not an ELF file/],
      [() => combine(BASE, [broken(gzipSync(USER).subarray(0, 40))]), "extension_invalid", /extras\/user\.ko: /],
      [
        () => combine(BASE, [broken(concatBytes(Buffer.from("28b52ffd", "hex"), Buffer.alloc(9, 0xff)))]),
        "extension_invalid",
        /extras\/user\.ko: /,
      ],
      [() => combine(BASE, [[file("a b.ko", USER)]]), "extension_invalid", /ASCII/],
      [
        () =>
          combine(BASE, [
            [
              file("a.ko", moduleFile({ exports: ["a"], needs: ["b"] })),
              file("b.ko", moduleFile({ exports: ["b"], needs: ["a"] })),
            ],
          ]),
        "extension_invalid",
        /need each other/,
      ],
    ];
    for (const [run, code, message] of vectors) await assert.rejects(run, { code, message });
    assert.deepEqual(await readdir(join(data.path, "tmp")), []);
  });

  it("stops between pieces of work when nobody waits any more", async () => {
    let steps = 0;
    const input = {
      initramfs: await initramfs(BASE),
      extensions: [await extension([file("extras/user.ko", USER)])],
      modulesPath: "/usr/lib/modules",
      compression: { $case: "zstd", level: 1 },
      kmod: 34,
    } as const;
    const checkpoint = (): void => {
      if (++steps > 5) throw new Error("enough");
    };
    await assert.rejects(combineModules(input, { ...context, checkpoint }), /enough/);
    assert.deepEqual(await readdir(join(data.path, "tmp")), []);
  });

  it("puts no more aside than it may", async () => {
    const source = async function* () {
      yield Buffer.alloc(10);
      yield Buffer.alloc(10);
    };
    await assert.rejects(context.spool(source(), 19), { code: "blob_too_large" });
    await assert.rejects(openSpool(join(data.path, "nothing"), source(), 20), { code: "store_failed" });
    const spool = await context.spool(source(), 20);
    assert.equal((await spool.read(15, 5)).length, 5);
    await assert.rejects(spool.read(15, 6), { code: "store_failed" });
    await spool.close();
  });
});
