import type { FastifyReply } from "fastify";

/** A plain-text answer, as every error is one. */
export function sendText(reply: FastifyReply, text: string): FastifyReply {
  return reply
    .header("content-type", "text/plain; charset=utf-8")
    .header("x-content-type-options", "nosniff")
    .send(`${text}\n`);
}
