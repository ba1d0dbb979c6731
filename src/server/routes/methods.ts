import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { BlobLease, LeasedBlobs } from "../../store/ports.ts";
import { sendText } from "../http/reply.ts";

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
type Method = "GET" | "HEAD" | "POST";

const ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/**
 * Registers the handlers of one path and answers every other method: OPTIONS with 200, the rest with 405, both with
 * the list of what there is (factory.md 1.3).
 */
export function path(app: FastifyInstance, url: string, handlers: Partial<Record<Method, Handler>>): void {
  const offered = Object.keys(handlers) as Method[];
  for (const method of offered) app.route({ method, url, handler: handlers[method]! });
  const allow = [...offered, "OPTIONS"].sort().join(", ");
  app.route({
    method: ALL_METHODS.filter((method) => !offered.includes(method as Method)),
    url,
    config: { unsupportedMethod: true },
    async handler(request, reply) {
      reply.header("allow", allow);
      if (request.method === "OPTIONS") return await reply.code(200).send();
      return sendText(reply.code(405), "Method Not Allowed");
    },
  });
}

/** A named parameter of the route; the router guarantees it is there. */
export function parameter(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string>)[name] ?? "";
}

/** A lease that ends with the answer, complete or not. */
export function answerLease(reply: FastifyReply, blobs: LeasedBlobs): BlobLease {
  const lease = blobs.lease();
  const release = (): void => lease.release();
  reply.raw.once("finish", release).once("close", release);
  if (reply.raw.destroyed) release();
  return lease;
}

/** A signal that aborts when the client goes away before its answer is complete. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  if (reply.raw.destroyed) controller.abort();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
