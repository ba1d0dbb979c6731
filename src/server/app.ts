import { randomUUID } from "node:crypto";
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { AppDeps } from "./deps.ts";
import { httpFailure } from "./errors.ts";
import { cleanRequestId } from "./http/headers.ts";
import { sendText } from "./http/reply.ts";
import { healthRoutes } from "./routes/health.ts";
import { imageRoutes } from "./routes/image.ts";
import { metaRoutes } from "./routes/meta.ts";
import { pxeRoutes } from "./routes/pxe.ts";
import { schematicRoutes } from "./routes/schematics.ts";

/** Largest schematic accepted, bytes: a machine configuration of several hundred KiB may be embedded in one. */
const MAX_BODY_BYTES = 1024 * 1024;
/** A request line and body must have arrived after this time, milliseconds. */
const REQUEST_TIMEOUT_MS = 60_000;

/** The whole HTTP application; nothing listens yet, so tests can inject requests. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    ...(deps.logger ? { loggerInstance: deps.logger } : { logger: false }),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: "idle",
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "request_id" }),
    exposeHeadRoutes: false,
    return503OnClosing: false,
    frameworkErrors: answerBadUrl,
    routerOptions: { maxParamLength: 512 },
    genReqId: (request) => cleanRequestId(request.headers["x-request-id"]) ?? randomUUID(),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.decorateReply("failure", undefined);
  app.addHook("onRequest", async (request, reply) => {
    logWhenClosed(request, reply);
    reply.header("vary", "Origin");
    if (request.routeOptions.url === undefined || request.routeOptions.config.unsupportedMethod) return;
    reply.headers({ server: `Image Foundry ${deps.version}`, "x-request-id": request.id });
    // A body is YAML whatever its content type says (factory.md 1.6), even when it says nonsense.
    delete request.raw.headers["content-type"];
  });
  addErrors(app);
  addClosing(app);
  for (const routes of [healthRoutes, schematicRoutes, metaRoutes, imageRoutes, pxeRoutes]) {
    await app.register(routes, deps);
  }
  return app;
}

/**
 * Logs a request with one line once its connection is done with it. Status 499: the client left before the whole
 * answer was written; 500 in spite of another status line: the answer broke off behind it.
 */
function logWhenClosed(request: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once("close", () => {
    const { failure } = reply;
    const broken = failure === undefined || failure.left ? 499 : 500;
    const status = reply.raw.writableFinished ? reply.statusCode : broken;
    const fields = {
      method: request.method,
      path: request.url.split("?", 1)[0],
      status,
      duration: Math.round(reply.elapsedTime * 1000) / 1000,
      ...(failure === undefined ? {} : { error: failure.message }),
    };
    request.log[status >= 500 && status !== 501 ? "error" : failure ? "warn" : "info"](fields, "request");
  });
}

/** Headers that speak of an asset and must not stay on the error that is sent in its place. */
const ASSET_HEADERS = ["accept-ranges", "content-disposition", "content-length", "content-range", "etag"];

function addErrors(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const { status, message } = httpFailure(error);
    reply.failure = { message: error.message, left: status === 499 };
    for (const name of ASSET_HEADERS) {
      reply.removeHeader(name);
      // A stream that fails before its first byte has put them there already.
      if (!reply.raw.headersSent) reply.raw.removeHeader(name);
    }
    if (message === undefined) return reply.code(status).send();
    if (status === 503) reply.header("retry-after", "10");
    return sendText(reply.code(status), message);
  });
  app.setNotFoundHandler((_request, reply) => sendText(reply.code(404), "404 page not found"));
}

/** Requests that come in on open connections while the server stops. */
function addClosing(app: FastifyInstance): void {
  let closing = false;
  app.addHook("preClose", async () => {
    closing = true;
  });
  app.addHook("onRequest", async (_request, reply) => {
    if (closing) return await sendText(reply.code(503), "service temporarily unavailable");
  });
}

/** URLs the router cannot read; no hook runs for them. */
function answerBadUrl(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  logWhenClosed(request, reply);
  reply.header("vary", "Origin");
  if (error.code === "FST_ERR_BAD_URL") sendText(reply.code(400), "malformed URL");
  else sendText(reply.code(404), "404 page not found");
}

declare module "fastify" {
  interface FastifyReply {
    /** Why a request failed, for its log line; `left`: only because nobody waited for it any more. */
    failure: { readonly message: string; readonly left: boolean } | undefined;
  }
  interface FastifyContextConfig {
    /** Set on the routes that only say which methods a path has. */
    unsupportedMethod?: boolean;
  }
}
