import assert from "node:assert/strict";
import { test } from "node:test";
import { VERSION } from "../../fixtures/release.ts";
import { order } from "./order.ts";
import { boot } from "./qemu.ts";

/** Both come from the extension; the second needs other modules, which only modules.dep knows. */
const MODULES = ["dummy", "wireguard"];

test("modules of an extension are loaded with what they need, through the combined modules.dep", async () => {
  await using ordered = await order({
    version: VERSION,
    console: "ttyS0",
    extensions: ["siderolabs/hello-world", "siderolabs/sample-modules"],
    kernelArgs: [`fixture.modprobe=${MODULES.join(",")}`],
    metaValue: "",
  });
  const [kernel, initramfs] = [await ordered.download("kernel-amd64"), await ordered.download("initramfs-amd64.xz")];
  const cmdline = await ordered.text("cmdline-metal-amd64");
  const { lines } = await boot({
    args: ["-net", "none", "-kernel", kernel, "-initrd", initramfs, "-append", cmdline],
  });
  const printed = lines.join("\n");
  assert.match(printed, /^extension modules\.dep \d+\.\d+\.\d+\S*$/m);
  for (const name of [...MODULES, "udp_tunnel"]) assert.ok(lines.includes(`module ${name}`), printed);
  assert.deepEqual(
    lines.filter((line) => line.startsWith("error")),
    [],
  );
});
