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
import { refuseConnection } from "./http/badrequest.ts";
import { boundConnections } from "./http/connections.ts";
import { cleanRequestId } from "./http/headers.ts";
import { sendText } from "./http/reply.ts";
import { checkInterval, DEFAULT_CLIENT_LIMITS } from "./limits.ts";
import { healthRoutes } from "./routes/health.ts";
import { imageRoutes } from "./routes/image.ts";
import { metaRoutes } from "./routes/meta.ts";
import { pxeRoutes } from "./routes/pxe.ts";
import { schematicRoutes } from "./routes/schematics.ts";

/** Largest schematic accepted, bytes: a machine configuration of several hundred KiB may be embedded in one. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Largest request head, bytes: room for cookies and long lists of ranges that clients of a proxy send along. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Connections that are closed because there are too many are logged at most this often, milliseconds. */
const DROPPED_LOG_MS = 10_000;
/** How often a stopping server looks for connections that have become idle, milliseconds. */
const IDLE_CHECK_MS = 100;

/** The whole HTTP application; nothing listens yet, so tests can inject requests. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const limits = deps.limits ?? DEFAULT_CLIENT_LIMITS;
  const app: FastifyInstance = Fastify({
    ...(deps.logger ? { loggerInstance: deps.logger } : { logger: false }),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: limits.requestMs,
    http: {
      headersTimeout: limits.headMs,
      connectionsCheckingInterval: checkInterval(limits),
      maxHeaderSize: MAX_HEAD_BYTES,
    },
    clientErrorHandler(error, socket) {
      refuseConnection(error, socket, app.log);
    },
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
    logWhenDone(request, reply);
    reply.header("vary", "Origin");
    // A body is YAML whatever its content type says (factory.md 1.6), even when it says nonsense.
    delete request.raw.headers["content-type"];
    if (request.routeOptions.url === undefined || request.routeOptions.config.unsupportedMethod) return;
    reply.headers({ server: `Image Foundry ${deps.version}`, "x-request-id": request.id });
  });
  addErrors(app);
  addClosing(app);
  boundConnections(app.server, limits.connections, droppedLog(app));
  for (const routes of [healthRoutes, schematicRoutes, metaRoutes, imageRoutes, pxeRoutes]) {
    await app.register(routes, deps);
  }
  return app;
}

/** Logs that connections were closed, and how many since the last time. */
function droppedLog(app: FastifyInstance): () => void {
  let dropped = 0;
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    dropped++;
    if (performance.now() - last < DROPPED_LOG_MS) return;
    app.log.warn({ dropped }, "too many connections: closed the idle ones");
    last = performance.now();
    dropped = 0;
  };
}

/**
 * Logs a request with one line, once it is answered or given up. Status 499: the client left before the whole answer was
 * written; 500 in spite of another status line: the answer broke off behind it.
 */
function logWhenDone(request: FastifyRequest, reply: FastifyReply): void {
  let logged = false;
  const log = (status: number): void => {
    if (logged) return;
    logged = true;
    const { failure } = reply;
    const fields = {
      method: request.method,
      path: request.url.split("?", 1)[0],
      status,
      duration: Math.round(reply.elapsedTime * 1000) / 1000,
      ...(failure === undefined ? {} : { error: failure.message }),
    };
    request.log[status >= 500 && status !== 501 ? "error" : failure ? "warn" : "info"](fields, "request");
  };
  reply.raw.once("finish", () => log(reply.statusCode));
  reply.raw.once("close", () => log(reply.failure === undefined || reply.failure.left ? 499 : 500));
}

/** Headers that speak of an asset and must not stay on the error that is sent in its place. */
const ASSET_HEADERS = ["accept-ranges", "content-disposition", "content-length", "content-range", "etag"];

function addErrors(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const { status, message } = httpFailure(error);
    reply.failure = { message: error.message, left: status === 499 };
    for (const name of ASSET_HEADERS) {
      reply.removeHeader(name);
      // A stream that fails before its first byte has put them there already.
      if (!reply.raw.headersSent) reply.raw.removeHeader(name);
    }
    if (message === undefined) return reply.code(status).send();
    if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
      // Closing now would reset the connection of a client that still sends, and with it the answer. What else it
      // sends is thrown away, for as long as a request may take.
      reply.removeHeader("connection");
      request.raw.resume();
    }
    if (status === 503) reply.header("retry-after", "10");
    return sendText(reply.code(status), message);
  });
  app.setNotFoundHandler((_request, reply) => sendText(reply.code(404), "404 page not found"));
}

/**
 * While the server stops, requests on connections that are still open are refused, and a connection is closed once
 * its download is done: kept open for a next request, it would hold up the end.
 */
function addClosing(app: FastifyInstance): void {
  let closing = false;
  app.addHook("preClose", async () => {
    closing = true;
    const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_CHECK_MS).unref();
    app.server.once("close", () => clearInterval(idle));
  });
  app.addHook("onRequest", async (_request, reply) => {
    if (closing) return await sendText(reply.code(503), "service temporarily unavailable");
  });
}

/** URLs the router cannot read; no hook runs for them. */
function answerBadUrl(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  logWhenDone(request, reply);
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
