import type { OutgoingHttpHeaders } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { MiB } from "../../bytes/align.ts";
import { messageOf } from "../../errors.ts";
import type { BlobFiller, Recipe } from "../../extents/index.ts";
import type { AppDeps } from "../deps.ts";
import { Body, writeBody } from "../http/body.ts";
import { entityTag, matchAllows, noneMatchHolds, rangeCounts } from "../http/etag.ts";
import { assetContentType, attachment } from "../http/headers.ts";
import { parseRange } from "../http/range.ts";
import { sendText } from "../http/reply.ts";
import { DEFAULT_CLIENT_LIMITS } from "../limits.ts";
import { answerLease, clientSignal, parameter, path } from "./methods.ts";

/** Bytes that all downloads may have read ahead of their clients; many of them get smaller buffers. */
const READ_AHEAD_BYTES = 16 * MiB;

/** `GET` and `HEAD /image/:schematic/:version/:path` (factory.md 1.7), with ranges and conditions added. */
export async function imageRoutes(app: FastifyInstance, deps: AppDeps): Promise<void> {
  const { factory, blobs, limits = DEFAULT_CLIENT_LIMITS } = deps;
  const downloads = new Downloads(blobs, limits.stalledMs);
  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const asset = {
      schematic: parameter(request, "schematic"),
      version: parameter(request, "version"),
      path: parameter(request, "path"),
    };
    const image = await factory.asset(asset, clientSignal(reply), answerLease(reply, blobs));
    const { filename } = request.query as { readonly filename?: unknown };
    const name = typeof filename === "string" && filename !== "" ? filename : asset.path;
    reply.headers({ "content-type": assetContentType(asset.path), "content-disposition": attachment(name) });
    return sendRecipe(request, reply, image, downloads);
  };
  path(app, "/image/:schematic/:version/:path", { GET: serve, HEAD: serve });
}

/** Answers with a recipe or the part of it the client asks for (RFC 9110 13 and 14). */
function sendRecipe(
  request: FastifyRequest,
  reply: FastifyReply,
  image: Recipe,
  downloads: Downloads,
): FastifyReply | Promise<FastifyReply> {
  const { headers } = request;
  const tag = entityTag(image.identity);
  reply.headers({ etag: tag, "accept-ranges": "bytes" });
  if (!matchAllows(headers["if-match"], tag)) {
    reply.removeHeader("content-disposition");
    return sendText(reply.code(412), "the asset is not the one in If-Match");
  }
  if (noneMatchHolds(headers["if-none-match"], tag)) return reply.code(304).send();
  const asked = request.method === "GET" && rangeCounts(headers["if-range"] as string | undefined, tag);
  const range = parseRange(asked ? headers.range : undefined, image.size);
  if (range.$case === "unsatisfiable") {
    reply.header("content-range", `bytes */${image.size}`).removeHeader("content-disposition");
    return sendText(reply.code(416), `range: the asset has ${image.size} bytes`);
  }
  const [start, end] = range.$case === "part" ? [range.start, range.end] : [0, image.size];
  if (range.$case === "part") reply.code(206).header("content-range", `bytes ${start}-${end - 1}/${image.size}`);
  reply.header("content-length", end - start);
  if (request.method === "HEAD") return reply.send();
  return downloads.send(reply, image, start, end);
}

/** Answers that are being written. */
class Downloads {
  readonly #blobs: BlobFiller;
  readonly #stalledMs: number;
  #running = 0;

  constructor(blobs: BlobFiller, stalledMs: number) {
    this.#blobs = blobs;
    this.#stalledMs = stalledMs;
  }

  /**
   * Answers with bytes `start`..`end` of an image. What fails before the first byte is answered as an error; a client
   * that takes nothing for too long is left.
   */
  async send(reply: FastifyReply, image: Recipe, start: number, end: number): Promise<FastifyReply> {
    const { raw } = reply;
    this.#running++;
    try {
      const body = new Body(image, this.#blobs, { start, end }, READ_AHEAD_BYTES / this.#running);
      const first = await body.next();
      reply.hijack();
      raw.setTimeout(this.#stalledMs, () => {
        reply.failure = { message: `the client took nothing for ${this.#stalledMs} ms`, left: true };
        raw.destroy();
      });
      raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
      await writeBody(raw, body, first);
    } catch (error) {
      if (!reply.sent) throw error;
      reply.failure ??= { message: messageOf(error), left: false };
      raw.destroy();
    } finally {
      this.#running--;
    }
    return reply;
  }
}
