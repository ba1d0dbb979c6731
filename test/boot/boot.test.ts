import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { after, before, test } from "node:test";
import { VERSION } from "../../fixtures/release.ts";
import { type Order, order, sha256Of } from "./order.ts";
import { boot, type Console, ovmf } from "./qemu.ts";

const SHORT = process.env.BOOT_SHORT === "1";
const META = "a value with spaces";
const EXTENSIONS = ["siderolabs/hello-world", "siderolabs/busybox-tools", "siderolabs/intel-ucode"];

let ordered: Order;

before(async () => {
  ordered = await order({ version: VERSION, console: "ttyS0", extensions: EXTENSIONS, metaValue: META });
});
after(async () => {
  await ordered[Symbol.asyncDispose]();
});

/** What every way to boot must show: the command line, the extensions with their files, and no complaint. */
function assertBooted({ lines, text }: Console, firmware: "uefi" | "bios", cmdline: string): void {
  const printed = lines.join("\n");
  assert.ok(cmdline.includes(ordered.marker));
  assert.ok(lines.includes(`cmdline ${cmdline}`), printed);
  assert.ok(lines.includes(`version ${VERSION}`), printed);
  assert.ok(lines.includes(`firmware ${firmware}`), printed);
  assert.ok(lines.includes("extension hello-world 1.0.0"), printed);
  assert.ok(lines.includes("file /usr/local/share/hello/message hello from an extension"), printed);
  assert.ok(lines.includes(`extension schematic ${ordered.id}`), printed);
  assert.ok(
    lines.some((line) => line.startsWith(`file /usr/local/share/schematic/${ordered.id}`)),
    printed,
  );
  assert.ok(lines.includes("file /usr/lib/firmware/fixture/plain.bin plain firmware of the fixture release"), printed);
  assert.deepEqual(
    lines.filter((line) => /^(error|stderr) /.test(line)),
    [],
  );
  assert.match(text, /Trying to unpack rootfs image as initramfs/);
  assert.doesNotMatch(text, /Initramfs unpacking failed|rootfs image is not initramfs/);
}

/** The command line a kind of image boots with, as the one for `cmdline` is the same but for these arguments. */
async function cmdlineOf(kind: "cmdline" | "iso" | "image"): Promise<string> {
  const line = await ordered.text("cmdline-metal-amd64");
  if (kind === "iso") return line.replace(" slab_nomerge", " talos.halt_if_installed=1 slab_nomerge");
  return kind === "image" ? line.replace(/ talos\.environment=\S+/, "") : line;
}

test("kernel, initramfs and command line as they come from the server", async () => {
  const [kernel, initramfs] = [await ordered.download("kernel-amd64"), await ordered.download("initramfs-amd64.xz")];
  // Microcode is found only in an uncompressed archive in front; cpio stops at the end of that one.
  const early = spawnSync("cpio", ["-t", "--quiet", "-F", initramfs], { encoding: "utf8" });
  assert.match(early.stdout, /^kernel\/x86\/microcode\/GenuineIntel\.bin$/m, early.stderr);
  const cmdline = await cmdlineOf("cmdline");
  const args = ["-net", "none", "-kernel", kernel, "-initrd", initramfs, "-append", cmdline];
  const booted = await boot({ args });
  assertBooted(booted, "bios", cmdline);
  assert.ok(booted.lines.includes(`meta 0xa=${META}`), booted.lines.join("\n"));
});

test("the ISO as a CD under UEFI", async () => {
  const iso = await ordered.download("metal-amd64.iso");
  const booted = await boot({ args: [...(await ovmf(ordered.folder)), "-cdrom", iso] });
  assertBooted(booted, "uefi", await cmdlineOf("iso"));
  assert.ok(booted.lines.includes(`meta 0xa=${META}`), booted.lines.join("\n"));
});

test("the disk under UEFI", async () => {
  const compressed = await ordered.download("metal-amd64.raw.zst");
  const raw = compressed.replace(/\.zst$/, "");
  const { status, stderr } = spawnSync("zstd", ["-d", "-q", "--sparse", compressed, "-o", raw], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const unpacked = await sha256Of(createReadStream(raw, { highWaterMark: 1 << 20 }));
  assert.equal(unpacked, await ordered.sha256("metal-amd64.raw"));
  const disk = ["-drive", `if=virtio,format=raw,snapshot=on,file=${raw}`];
  const booted = await boot({ args: [...(await ovmf(ordered.folder)), ...disk] });
  assertBooted(booted, "uefi", await cmdlineOf("image"));
  assert.ok(booted.lines.includes(`meta-partition 0xa=${META}`), booted.lines.join("\n"));
});

// The long run only: the same image over another bus.
if (!SHORT) {
  test("the ISO as a USB stick under UEFI", async () => {
    const iso = await ordered.download("metal-amd64.iso");
    const stick = ["-drive", `if=none,id=stick,format=raw,readonly=on,file=${iso}`, "-device", "qemu-xhci"];
    const booted = await boot({
      args: [...(await ovmf(ordered.folder)), ...stick, "-device", "usb-storage,drive=stick"],
    });
    assertBooted(booted, "uefi", await cmdlineOf("iso"));
  });
}
