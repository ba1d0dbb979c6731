import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import type { Digest } from "../../src/bytes/digest.ts";
import { type BlobRef, type Recipe, read } from "../../src/extents/index.ts";
import { buildOutput } from "../../src/imager/build.ts";
import { GrubImages } from "../../src/imager/grub.ts";
import { type ProfileInputs, targetOf } from "../../src/imager/inputs.ts";
import type { ImageOptions } from "../../src/talos/profile.ts";
import { fillDefaults, resolveProfile } from "../../src/talos/profile-defaults.ts";
import { parseProfile } from "../../src/talos/profile-yaml.ts";
import { Ext4Reader } from "../formats/ext4/support.ts";
import { DiskReader } from "../support/disk-reader.ts";
import { MemoryBlobs, noise } from "../support/recipes.ts";
import { BOOT_FILES } from "../support/release.ts";
import { XfsReader } from "../support/xfs-reader.ts";

const NEVER = new AbortController().signal;
const MTIME = 1_559_424_892;
/** The disk of Talos 1.10 with systemd-boot: its partitions behind 1 MiB, one more sector, the second table. */
const SMALLEST = MiB + 1101 * MiB + MiB + 34 * 512;

interface Order {
  readonly version?: string;
  readonly arch?: string;
  readonly options?: Partial<Record<keyof ImageOptions, string | number>>;
  readonly meta?: readonly { readonly key: number; readonly value: string }[];
  /** Bytes of the only file of an image cache. */
  readonly cache?: number;
  /** Bytes of an initramfs that is never read. */
  readonly initramfs?: number;
}

/** GRUB's programs, but for what they do. */
class TestGrub extends GrubImages {
  readonly #program: BlobRef;

  constructor(blobs: MemoryBlobs) {
    super(undefined as never, undefined as never);
    // Of a core image only the segment it is loaded to is looked at.
    const program = noise(60_000);
    program.set([0x20, 0x08], 510);
    this.#program = { digest: blobs.add(program), size: program.length };
  }

  override bootSector = async (): Promise<Uint8Array> => noise(512);
  override core = async (): Promise<BlobRef> => this.#program;
  override efi = async (): Promise<BlobRef> => this.#program;
}

async function build(order: Order): Promise<{ readonly image: Recipe; readonly blobs: MemoryBlobs }> {
  const { version = "v1.10.7", arch = "amd64", options = {}, meta = [], cache = 0 } = order;
  const blobs = new MemoryBlobs();
  const added = (bytes: Uint8Array): BlobRef => ({ digest: blobs.add(bytes), size: bytes.length });
  const files = {
    kernel: added(BOOT_FILES.vmlinuz),
    initramfs: added(BOOT_FILES["initramfs.xz"]),
    sdStub: added(BOOT_FILES["systemd-stub.efi"]),
    sdBoot: added(BOOT_FILES["systemd-boot.efi"]),
  };
  const inputs: ProfileInputs = {
    file: async (kind) => (kind === "initramfs" && order.initramfs ? huge(order.initramfs) : files[kind]),
    extension: () => Promise.reject(new Error("no extension is asked for")),
    contents: async () => ({
      entries: [{ $case: "file", path: "blob", mode: 0o600, offset: 0, size: cache }],
      content: added(noise(cache)),
    }),
  };
  const imageOptions = { diskSize: 1246 * MiB, diskFormat: "raw", ...options };
  const text = {
    ...{ arch, version, platform: "metal", customization: { metaContents: meta } },
    input: cache > 0 ? { imageCache: { ociPath: "/cache" } } : {},
    output: { kind: "image", outFormat: "raw", imageOptions },
  };
  const profile = resolveProfile(parseProfile(JSON.stringify(text)), { ownVersion: version });
  const target = targetOf(fillDefaults(profile, { exists: () => false }));
  const deps = { inputs, blobs, deriver: undefined as never, grub: new TestGrub(blobs), mtime: MTIME };
  return { image: await buildOutput(deps, target, NEVER), blobs };
}

function huge(size: number): BlobRef {
  return { digest: `sha256:${"0".repeat(64)}` as Digest, size };
}

/** Whatever the reference runs into when its tools get there, here it has a code and a reason. */
const REFUSED: readonly (readonly [what: string, Order, code: string, message: RegExp])[] = [
  ["no size of its own", { options: { diskSize: 0 } }, "disk_too_small", /1049624576 bytes: .*"EFI": no free range/],
  ["a sector short", { options: { diskSize: SMALLEST - 512, bootloader: "sd-boot" } }, "disk_too_small", /"META"/],
  ["no room for a table", { options: { diskSize: 4096, bootloader: "sd-boot" } }, "disk_too_small", /tables/],
  ["below zero", { options: { diskSize: -(2 ** 33) } }, "disk_size_invalid", /diskSize: -7540310016 is no size/],
  ["beyond 2^53", { options: { diskSize: 2 ** 60 } }, "disk_size_invalid", /is no size of a disk/],
  [
    "nothing left for data",
    { version: "v1.7.6", options: { diskSize: 1204 * MiB } },
    "disk_too_small",
    /"EPHEMERAL": no free range$/,
  ],
  ["an image cache before 1.8", { version: "v1.7.6", cache: 5000 }, "unsupported_version", /v1\.7\.6 .*image cache/],
  ["dual-boot on arm64", { arch: "arm64", options: { bootloader: "dual-boot" } }, "bootloader_invalid", /arm64/],
  ["sectors of 1000", { options: { diskSectorSize: 1000 } }, "sector_size_invalid", /1000 is neither 512 nor 4096/],
  ["sectors of 8192", { options: { diskSectorSize: 8192 } }, "sector_size_invalid", /8192/],
  ["a value beyond META", { meta: [{ key: 10, value: "x".repeat(262_097) }] }, "values_too_large", /1 bytes too large/],
  ["a UKI beyond its ESP", { initramfs: 1100 * MiB, options: { bootloader: "sd-boot" } }, "disk_too_small", /fat/],
  ["a kernel beyond BOOT", { initramfs: 940 * MiB, options: { bootloader: "grub" } }, "disk_too_small", /xfs/],
];

test("disks that cannot be are refused with a code and the reason", async () => {
  for (const [what, order, code, message] of REFUSED) {
    await assert.rejects(build(order), { code, message }, what);
  }
});

test("a disk takes what it says, to the sector", async () => {
  const { image, blobs } = await build({ options: { diskSize: SMALLEST, bootloader: "sd-boot" } });
  assert.equal(image.size, SMALLEST);
  const reader = new DiskReader(image, blobs, 512);
  const [esp, meta] = reader.partitions(await reader.header(1));
  assert.deepEqual([esp?.name, esp?.firstLba, meta?.name, meta?.lastLba], ["EFI", 2048, "META", 1103 * 2048 - 1]);
});

test("GRUB on sectors of 4096 bytes: the reference's mtools do not write so small an ESP", async () => {
  const { image, blobs } = await build({ options: { bootloader: "grub", diskSectorSize: 4096 } });
  const reader = new DiskReader(image, blobs, 4096);
  const [esp, bios, boot] = reader.partitions(await reader.header(1));
  assert.deepEqual([esp?.firstLba, bios?.firstLba, boot?.firstLba], [256, 25_856, 26_112]);
  const { superblock } = await XfsReader.open(boot!.content, blobs);
  assert.deepEqual([superblock.sectorBytes, superblock.label], [4096, "BOOT"]);
});

test("an image cache whose partition mke2fs finds too small", async () => {
  const bytes = 2_900_000;
  const { image, blobs } = await build({ cache: bytes, options: { bootloader: "sd-boot" } });
  assert.equal(image.size, 1246 * MiB + 4 * MiB);
  const reader = new DiskReader(image, blobs, 512);
  const cache = reader.partitions(await reader.header(1)).at(-1)!;
  assert.equal(cache.name, "IMAGECACHE");
  const volume = new Ext4Reader(await read(cache.content, blobs));
  const found = [...volume.walk()].find(({ path }) => path === "/blob");
  assert.ok(found && Buffer.from(found.bytes).equals(noise(bytes)));
});
