import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it, test } from "node:test";
import { VERSION } from "../../fixtures/release.ts";
import { OLD_VERSION as OLDER } from "../../fixtures/versions.ts";
import { MiB } from "../../src/bytes/align.ts";
import { labelGuid } from "../../src/bytes/guid.ts";
import { inline, type Recipe, stream } from "../../src/extents/index.ts";
import { ext4Volume } from "../../src/formats/ext4/index.ts";
import { partitionedDisk } from "../../src/recipes/disk.ts";
import { partitionPlan } from "../../src/talos/bootloader.ts";
import { parseVersion } from "../../src/talos/version.ts";
import { NO_BLOBS } from "../support/write-image.ts";
import { type Order, type OrderOptions, order } from "./order.ts";
import { aavmf, boot, type Keys, ovmf } from "./qemu.ts";

const SHORT = process.env.BOOT_SHORT === "1";
const META = "a value with spaces";
const CONFIG = "kind: HostnameConfig";
const WIPE = "talos.experimental.wipe=system";

/** The fixture's overlay: its installer adds an argument and a file on the ESP, and moves the partitions. */
const OVERLAY = { name: "sample", image: "siderolabs/sbc-sample", options: { message: "hello" } };

type Firmware = "bios" | "uefi" | "arm64";
type Drive = "cd" | "usb" | "disk" | "disk-4k";

/** One way to start an image: which, on what, and what is chosen from the menu by these keys. */
interface Way {
  readonly path: string;
  readonly firmware: Firmware;
  readonly drive: Drive;
  readonly keys?: Keys;
  /** What the chosen entry adds to the command line. */
  readonly adds?: string;
  /** QEMU's name of the image's format, raw unless given. */
  readonly format?: string;
  /** Part of the short run. */
  readonly short?: boolean;
}

interface Medium {
  readonly name: string;
  readonly options: Omit<OrderOptions, "console" | "metaValue" | "extensions">;
  readonly ways: readonly Way[];
}

const ISO = "metal-amd64.iso";
const DISK = "metal-amd64.raw.zst";
/** GRUB's last entry: firmware may swallow a key before the menu is there, so the choice comes more often than its end. */
const GRUB_LAST: Keys = { press: ["end", "end", "end", "end", "end", "end", "ret"] };
/** systemd-boot's second entry. */
const SECOND: Keys = { press: ["2", "2", "2", "2", "ret"], after: "Reboot Into Firmware Interface" };

const MEDIA: readonly Medium[] = [
  {
    name: "both boot loaders, the default on amd64",
    options: { version: VERSION, bootloader: "default", machineConfig: `${CONFIG}\n` },
    ways: [
      { path: ISO, firmware: "bios", drive: "cd", short: true },
      { path: ISO, firmware: "bios", drive: "usb" },
      { path: ISO, firmware: "uefi", drive: "cd" },
      { path: ISO, firmware: "uefi", drive: "usb" },
      { path: ISO, firmware: "bios", drive: "cd", keys: GRUB_LAST, adds: WIPE },
      { path: ISO, firmware: "uefi", drive: "cd", keys: SECOND, adds: WIPE },
      { path: DISK, firmware: "bios", drive: "disk", short: true },
      { path: DISK, firmware: "uefi", drive: "disk" },
      { path: DISK, firmware: "bios", drive: "disk", keys: GRUB_LAST, adds: `${WIPE}:EPHEMERAL,STATE` },
      { path: DISK, firmware: "uefi", drive: "disk", keys: SECOND, adds: `${WIPE}:EPHEMERAL,STATE` },
    ],
  },
  {
    name: "GRUB alone, chosen",
    options: { version: VERSION, bootloader: "grub" },
    ways: [
      { path: ISO, firmware: "bios", drive: "cd" },
      { path: ISO, firmware: "uefi", drive: "usb" },
      { path: DISK, firmware: "bios", drive: "disk" },
      { path: DISK, firmware: "uefi", drive: "disk" },
      { path: "metal-arm64.raw.zst", firmware: "arm64", drive: "disk" },
    ],
  },
  {
    name: "GRUB alone, all an older release knows",
    options: { version: OLDER, bootloader: "default" },
    ways: [
      { path: ISO, firmware: "bios", drive: "usb" },
      { path: ISO, firmware: "uefi", drive: "cd" },
      { path: DISK, firmware: "bios", drive: "disk" },
      { path: DISK, firmware: "uefi", drive: "disk" },
    ],
  },
  {
    name: "containers",
    options: { version: VERSION, bootloader: "sd-boot" },
    ways: [
      { path: "metal-amd64.qcow2", firmware: "uefi", drive: "disk", format: "qcow2" },
      { path: "metal-amd64.vhd.zst", firmware: "uefi", drive: "disk", format: "vpc" },
      { path: "metal-amd64.ova", firmware: "uefi", drive: "disk", format: "vmdk" },
    ],
  },
  {
    name: "an overlay's disk",
    options: { version: VERSION, bootloader: "default", overlay: OVERLAY },
    ways: [{ path: "metal-arm64.raw.zst", firmware: "arm64", drive: "disk" }],
  },
  {
    name: "sectors of 4096 bytes",
    options: { version: VERSION, bootloader: "default", sectorSize: 4096 },
    ways: [{ path: DISK, firmware: "uefi", drive: "disk-4k" }],
  },
  {
    name: "systemd-boot alone, the default on arm64",
    options: { version: VERSION, bootloader: "default" },
    ways: [{ path: "metal-arm64.raw.zst", firmware: "arm64", drive: "disk" }],
  },
];

async function machine(firmware: Firmware, folder: string): Promise<{ emulator?: string; args: readonly string[] }> {
  if (firmware === "arm64") return await aavmf(folder);
  return { args: firmware === "uefi" ? await ovmf(folder) : ["-net", "none"] };
}

function drive(kind: Drive, file: string, format = "raw"): readonly string[] {
  const image = `format=${format},snapshot=on,file=${file}`;
  switch (kind) {
    case "cd":
      return ["-cdrom", file];
    case "usb":
      return ["-drive", `if=none,id=stick,${image}`, "-device", "qemu-xhci", "-device", "usb-storage,drive=stick"];
    case "disk":
      return ["-drive", `if=none,id=disk,${image}`, "-device", "virtio-blk-pci,drive=disk"];
    case "disk-4k": {
      const sectors = "logical_block_size=4096,physical_block_size=4096";
      return ["-drive", `if=none,id=disk,${image}`, "-device", `virtio-blk-pci,drive=disk,${sectors}`];
    }
  }
}

/** The command line an image boots with, told from the one the server shows for machines that boot by network. */
async function expectedCmdline(
  ordered: Order,
  way: Way,
  { bootloader, version, overlay }: Medium["options"],
): Promise<string> {
  const { path, firmware, adds } = way;
  const line = await ordered.text(`cmdline-metal-${firmware === "arm64" ? "arm64" : "amd64"}`);
  const disk = path !== ISO;
  // The line for machines that boot by network is without what an overlay adds (factory.md 3.2).
  const told = overlay ? line.replace(" slab_nomerge", " fixture.overlay=hello$&") : line;
  const own = disk ? told.replace(/ talos\.environment=\S+/, "") : told;
  const first = parseVersion(version).minor >= 14 ? " slab_nomerge" : " init_on_alloc=1";
  const kind = disk ? own : own.replace(first, " talos.halt_if_installed=1$&");
  const grub = firmware === "bios" || bootloader === "grub" || version === OLDER || overlay !== undefined;
  // GRUB says what it has loaded.
  const loaded = grub ? `BOOT_IMAGE=/${disk ? "A" : "boot"}/vmlinuz ` : "";
  return `${loaded}${kind}${adds === undefined ? "" : ` ${adds}`}`;
}

for (const { name, options, ways } of MEDIA) {
  const wanted = ways.filter(({ short }) => !SHORT || short);
  if (wanted.length === 0) continue;
  describe(name, () => {
    let ordered: Order;
    before(async () => {
      const arm = wanted.some(({ firmware }) => firmware === "arm64");
      const extensions = ["siderolabs/hello-world"];
      ordered = await order({ ...options, console: arm ? "ttyAMA0" : "ttyS0", extensions, metaValue: META });
    });
    after(async () => {
      await ordered[Symbol.asyncDispose]();
    });
    for (const way of wanted) {
      const { path, firmware, keys, adds } = way;
      it(`${path} as ${way.drive} under ${firmware}${adds === undefined ? "" : ", the second entry"}`, async () => {
        const file = await ordered.image(path);
        const { emulator, args } = await machine(firmware, ordered.folder);
        const { lines } = await boot({
          ...(emulator === undefined ? {} : { emulator }),
          ...(keys ? { keys } : {}),
          args: [...args, ...drive(way.drive, file, way.format)],
        });
        const printed = lines.join("\n");
        const cmdline = await expectedCmdline(ordered, way, options);
        assert.ok(cmdline.includes(ordered.marker), cmdline);
        for (const expected of [
          `version ${options.version}`,
          `cmdline ${cmdline}`,
          `firmware ${firmware === "bios" ? "bios" : "uefi"}`,
          "extension hello-world 1.0.0",
          `extension schematic ${ordered.id}`,
          path === ISO ? `meta 0xa=${META}` : `meta-partition 0xa=${META}`,
          ...(options.machineConfig === undefined ? [] : [`config ${CONFIG}`]),
        ]) {
          assert.ok(lines.includes(expected), `no "${expected}" in\n${printed}`);
        }
        assert.doesNotMatch(printed, /^(error|stderr) /m);
        if (path !== ISO) await assertBootPartition(lines, ordered, way, options);
      });
    }
  });
}

/** The guest's kernel mounted BOOT and read the very files the server hands out. */
async function assertBootPartition(
  lines: readonly string[],
  ordered: Order,
  { path }: Way,
  { bootloader, version, overlay }: Medium["options"],
): Promise<void> {
  const found = lines.filter((line) => line.startsWith("partition BOOT "));
  const arm = path.includes("arm64");
  if (bootloader === "sd-boot" || (bootloader !== "grub" && arm && !overlay)) return assert.deepEqual(found, []);
  assert.deepEqual(
    found.map((line) => line.split(" ").slice(2, 4)),
    [
      ["/A/initramfs.xz", "644"],
      ["/A/vmlinuz", "644"],
      ["/grub/grub.cfg", "600"],
    ],
  );
  const arch = arm ? "arm64" : "amd64";
  assert.ok(found[0]!.endsWith(` ${await ordered.sha256(`initramfs-${arch}.xz`)}`), found[0]);
  assert.ok(found[1]!.endsWith(` ${await ordered.sha256(`kernel-${arch}`)}`), found[1]);
  const both = bootloader === "default" && version !== OLDER && !arm;
  assert.equal(lines.includes("meta-partition 0x11=dual-boot"), both, "the tag of disks with both boot loaders");
}

async function writeDisk(image: Recipe, path: string): Promise<void> {
  await pipeline(stream(image, NO_BLOBS), createWriteStream(path));
}

test("an image cache partition is mounted by the guest's kernel", async () => {
  await using ordered = await order({ version: VERSION, console: "ttyS0", extensions: [], metaValue: "" });
  const version = parseVersion(VERSION);
  const bytes = new Uint8Array(300_000).map((_, i) => (i * 7) ^ (i >> 8));
  const tree = [
    { $case: "file", name: "config", mode: 0o640, content: inline(bytes.subarray(0, 10)) },
    {
      $case: "directory",
      name: "blob",
      mode: 0o755,
      children: [{ $case: "file", name: "sha256-x", mode: 0o644, content: inline(bytes) }],
    },
  ] as const;
  const plan = partitionPlan("sd-boot", version, "amd64", 8 * MiB).filter(({ label }) => label === "IMAGECACHE");
  const { image } = partitionedDisk({ diskSize: 12 * MiB, sectorSize: 512, partitions: plan }, ({ sizeBytes, label }) =>
    ext4Volume({ sizeBytes, label, uuid: labelGuid(label), mtime: 1_559_424_892, tree }),
  );
  const file = join(ordered.folder, "cache.raw");
  await writeDisk(image, file);
  const [kernel, initramfs] = [await ordered.download("kernel-amd64"), await ordered.download("initramfs-amd64.xz")];
  const cmdline = await ordered.text("cmdline-metal-amd64");
  const { lines } = await boot({
    args: ["-net", "none", "-kernel", kernel, "-initrd", initramfs, "-append", cmdline, ...drive("disk", file)],
  });
  const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
  assert.deepEqual(
    lines.filter((line) => /^(partition|error) /.test(line)),
    [
      `partition IMAGECACHE /blob/sha256-x 644 300000 ${sha256(bytes)}`,
      `partition IMAGECACHE /config 640 10 ${sha256(bytes.subarray(0, 10))}`,
    ],
  );
});
