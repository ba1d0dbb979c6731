import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type BlobReader, type Recipe, stream } from "../../extents/index.ts";
import type { AppDeps } from "../deps.ts";
import { entityTag, matchAllows, noneMatchHolds, rangeCounts } from "../http/etag.ts";
import { assetContentType, attachment } from "../http/headers.ts";
import { parseRange } from "../http/range.ts";
import { sendText } from "../http/reply.ts";
import { clientSignal, parameter, path } from "./methods.ts";

/** `GET` and `HEAD /image/:schematic/:version/:path` (factory.md 1.7), with ranges and conditions added. */
export async function imageRoutes(app: FastifyInstance, { factory, blobs }: AppDeps): Promise<void> {
  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const asset = {
      schematic: parameter(request, "schematic"),
      version: parameter(request, "version"),
      path: parameter(request, "path"),
    };
    const image = await factory.asset(asset, clientSignal(reply));
    const { filename } = request.query as { readonly filename?: unknown };
    const name = typeof filename === "string" && filename !== "" ? filename : asset.path;
    reply.headers({ "content-type": assetContentType(asset.path), "content-disposition": attachment(name) });
    return sendRecipe(request, reply, image, blobs);
  };
  path(app, "/image/:schematic/:version/:path", { GET: serve, HEAD: serve });
}

/** Answers with a recipe or the part of it the client asks for (RFC 9110 13 and 14). */
function sendRecipe(request: FastifyRequest, reply: FastifyReply, image: Recipe, blobs: BlobReader): FastifyReply {
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
  const body = Readable.from(stream(image, blobs, start, end - start), { objectMode: true, highWaterMark: 1 });
  body.once("error", (error) => {
    reply.failure = { message: error.message, left: false };
  });
  return reply.send(body);
}
