import type { FastifyInstance, FastifyReply } from "fastify";
import type { AppDeps } from "../deps.ts";
import { parameter, path } from "./methods.ts";

/** Lists go out as text, the way clients of the reference have always seen them (factory.md 1.9). */
function sendList(reply: FastifyReply, list: readonly unknown[]): FastifyReply {
  return reply.header("content-type", "text/plain; charset=utf-8").send(`${JSON.stringify(list)}\n`);
}

/** `/versions` and the lists of official extensions and overlays (factory.md 1.9). */
export async function metaRoutes(app: FastifyInstance, { factory }: AppDeps): Promise<void> {
  path(app, "/versions", {
    async GET(request, reply) {
      const { broken } = request.query as { readonly broken?: unknown };
      const versions = broken === "true" ? [] : await factory.versions();
      return await sendList(
        reply,
        versions.map((version) => version.tag),
      );
    },
  });
  path(app, "/version/:version/extensions/official", {
    async GET(request, reply) {
      const list = await factory.extensions(parameter(request, "version"));
      return await sendList(
        reply,
        list.map(({ name, ref, digest, author, description }) => ({ name, ref, digest, author, description })),
      );
    },
  });
  path(app, "/version/:version/overlays/official", {
    async GET(request, reply) {
      const list = await factory.overlays(parameter(request, "version"));
      return await sendList(
        reply,
        list.map(({ name, image, ref, digest }) => ({ name, image, ref, digest })),
      );
    },
  });
}
