import assert from "node:assert/strict";
import { test } from "node:test";
import { VERSION } from "../../fixtures/release.ts";
import { order } from "./order.ts";
import { aavmf, boot } from "./qemu.ts";

const EXTENSIONS = ["siderolabs/hello-world", "siderolabs/busybox-tools", "siderolabs/intel-ucode"];
const META = "for arm64";

// The long run only: a second emulator, and the kernel for it is large.
if (process.env.BOOT_SHORT !== "1") {
  test("the ISO for arm64 as a CD under UEFI, with the boot loader arm64 has by default", async () => {
    const options = { version: VERSION, console: "ttyAMA0", extensions: EXTENSIONS, metaValue: META };
    await using ordered = await order({ ...options, bootloader: "default" });
    const iso = await ordered.download("metal-arm64.iso");
    const { emulator, args } = await aavmf(ordered.folder);
    const cd = ["-drive", `if=none,id=cd,format=raw,readonly=on,file=${iso}`];
    const drive = ["-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=cd,bootindex=0"];
    const { lines } = await boot({ emulator, args: [...args, ...cd, ...drive] });
    const printed = lines.join("\n");
    const cmdline = (await ordered.text("cmdline-metal-arm64")).replace(
      " slab_nomerge",
      " talos.halt_if_installed=1$&",
    );
    assert.ok(cmdline.includes(` console=ttyAMA0 `) && cmdline.includes(ordered.marker), cmdline);
    for (const expected of [
      `version ${VERSION}`,
      `cmdline ${cmdline}`,
      "firmware uefi",
      `rootfs fixture release ${VERSION}`,
      "extension hello-world 1.0.0",
      "file /usr/local/share/hello/message hello from an extension",
      `extension schematic ${ordered.id}`,
      "file /usr/lib/firmware/fixture/plain.bin plain firmware of the fixture release",
      `meta 0xa=${META}`,
    ]) {
      assert.ok(lines.includes(expected), `no "${expected}" in\n${printed}`);
    }
    assert.match(printed, /^kernel \S+-arm64$/m);
    assert.doesNotMatch(printed, /^(error|stderr) /m);
  });
}
