import type { FastifyInstance } from "fastify";
import type { AppDeps } from "../deps.ts";
import { clientSignal, parameter, path } from "./methods.ts";

/** `GET /pxe/:schematic/:version/:path`: the iPXE script that boots a schematic (factory.md 1.8). */
export async function pxeRoutes(app: FastifyInstance, { factory, externalUrl }: AppDeps): Promise<void> {
  path(app, "/pxe/:schematic/:version/:path", {
    async GET(request, reply) {
      const schematic = parameter(request, "schematic");
      const target = { schematic, version: parameter(request, "version"), path: parameter(request, "path") };
      const { version, arch, cmdline } = await factory.pxe(target, clientSignal(reply));
      const image = `${externalUrl}/image/${schematic}/${version.tag}`;
      const script = [
        "#!ipxe",
        "",
        "imgfree",
        `kernel ${image}/kernel-${arch} ${cmdline}`,
        `initrd ${image}/initramfs-${arch}.xz`,
        "boot",
        "",
      ];
      return await reply.header("content-type", "text/plain; charset=utf-8").send(script.join("\n"));
    },
  });
}
