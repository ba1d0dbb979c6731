import type { FastifyInstance } from "fastify";
import { path } from "./methods.ts";

/** `/healthz` and `/readyz`: 200 with nothing in it while the process serves. */
export async function healthRoutes(app: FastifyInstance): Promise<void> {
  const alive = async (_request: unknown, reply: { send(): unknown }): Promise<unknown> => reply.send();
  for (const url of ["/healthz", "/readyz"]) path(app, url, { GET: alive, HEAD: alive });
}
