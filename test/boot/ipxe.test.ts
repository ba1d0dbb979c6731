import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { buildFixture, VERSION } from "../../fixtures/release.ts";
import { startServer } from "../../src/server/serve.ts";
import { temporaryFolder } from "../support/folder.ts";
import { postSchematic } from "../support/server.ts";
import { boot } from "./qemu.ts";

/** How a machine on QEMU's user network reaches the host's loopback (QEMU manual, "Using the user mode network stack"). */
const HOST = "10.0.2.2";

/** A port nobody listens on: the server's own address stands in its scripts, so it is chosen before the server starts. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

// The long run only: it fetches over an emulated network card what the short run hands to QEMU as files.
if (process.env.BOOT_SHORT !== "1") {
  test("iPXE, chained to the server's script over HTTP", async () => {
    await using folder = await temporaryFolder();
    const { layout, publicKey } = await buildFixture(() => undefined);
    const port = await freePort();
    const externalUrl = `http://${HOST}:${port}`;
    const server = await startServer({
      source: { $case: "layout", folder: layout },
      publicKeys: [publicKey],
      dataFolder: join(folder.path, "data"),
      host: "127.0.0.1",
      port,
      externalUrl,
      logLevel: "silent",
    });
    try {
      const marker = `fixture.marker=${randomUUID()}`;
      const customization = {
        extraKernelArgs: ["console=ttyS0", marker, "fixture.poweroff"],
        systemExtensions: { officialExtensions: ["siderolabs/hello-world"] },
      };
      const id = await postSchematic(server.url, JSON.stringify({ customization }));
      const cmdline = await (await fetch(`${server.url}/image/${id}/${VERSION}/cmdline-metal-amd64`)).text();
      // The network's DHCP names the script; the card's ROM is iPXE and fetches it. Without graphics the BIOS lets it
      // write on the serial port.
      const network = `user,id=net,bootfile=${externalUrl}/pxe/${id}/${VERSION}/metal-amd64`;
      const card = "virtio-net-pci,netdev=net,bootindex=0";
      const { text, lines } = await boot({ args: ["-machine", "graphics=off", "-netdev", network, "-device", card] });
      const printed = lines.join("\n");
      assert.ok(text.includes("iPXE initialising devices"), text.slice(0, 2000));
      for (const expected of [
        `version ${VERSION}`,
        "firmware bios",
        "extension hello-world 1.0.0",
        "file /usr/local/share/hello/message hello from an extension",
        `extension schematic ${id}`,
      ]) {
        assert.ok(lines.includes(expected), `no "${expected}" in\n${printed}`);
      }
      assert.ok(cmdline.includes(marker), cmdline);
      assert.ok(lines.includes(`cmdline ${cmdline}`), printed);
      assert.doesNotMatch(printed, /^(error|stderr) /m);
    } finally {
      await server.close(0);
    }
  });
}
