import type { FastifyInstance } from "fastify";
import type { AppDeps } from "../deps.ts";
import { parameter, path } from "./methods.ts";

/** JSON as Go writes it into HTML-safe text: `<`, `>`, `&` and the two line separators are escaped (factory.md 1.6). */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `POST /schematics` and `GET /schematics/:schematic` (factory.md 1.6). */
export async function schematicRoutes(app: FastifyInstance, { factory }: AppDeps): Promise<void> {
  path(app, "/schematics", {
    async POST(request, reply) {
      const body = Buffer.isBuffer(request.body) ? request.body : new Uint8Array();
      const { id, canonical } = await factory.putSchematic(body);
      reply.code(201).header("content-type", "application/json");
      // As bytes: to text the framework would add a charset that clients have never seen here.
      return await reply.send(Buffer.from(`${goJson({ id, schematic: canonical })}\n`));
    },
  });
  path(app, "/schematics/:schematic", {
    async GET(request, reply) {
      const text = await factory.schematicText(parameter(request, "schematic"));
      return await reply.header("content-type", "application/yaml").send(text);
    },
  });
}
