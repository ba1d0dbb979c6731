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
    return503OnClosing: true,
    routerOptions: { maxParamLength: 512 },
    genReqId: (request) => cleanRequestId(request.headers["x-request-id"]) ?? randomUUID(),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  addLogging(app);
  addErrors(app);
  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.url === undefined || request.routeOptions.config.unsupportedMethod) return;
    reply.headers({ server: `Image Foundry ${deps.version}`, "x-request-id": request.id, vary: "Origin" });
  });
  for (const routes of [healthRoutes, schematicRoutes, metaRoutes, imageRoutes, pxeRoutes]) {
    await app.register(routes, deps);
  }
  return app;
}

/** Aborted requests are logged as 499, like every request with one line. */
function addLogging(app: FastifyInstance): void {
  const log = (request: FastifyRequest, reply: FastifyReply, status: number): void => {
    const fields = {
      method: request.method,
      path: request.url.split("?", 1)[0],
      status,
      duration: Math.round(reply.elapsedTime * 1000) / 1000,
      ...(reply.failure === undefined ? {} : { error: reply.failure }),
    };
    request.log[status >= 500 && status !== 501 ? "error" : reply.failure ? "warn" : "info"](fields, "request");
  };
  app.decorateReply("failure", undefined);
  app.addHook("onResponse", async (request, reply) => log(request, reply, reply.statusCode));
  app.addHook("onRequestAbort", async (request) => {
    request.log.info({ method: request.method, path: request.url.split("?", 1)[0] }, "aborted");
  });
}

function addErrors(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const { status, message } = httpFailure(error);
    reply.failure = error.message;
    if (message === undefined) return reply.code(status).send();
    if (status === 503) reply.header("retry-after", "10");
    return sendText(reply.code(status), message);
  });
  app.setNotFoundHandler((_request, reply) => sendText(reply.code(404), "404 page not found"));
}

declare module "fastify" {
  interface FastifyReply {
    /** Reason of a failed request, for its log line. */
    failure: string | undefined;
  }
  interface FastifyContextConfig {
    /** Set on the routes that only say which methods a path has. */
    unsupportedMethod?: boolean;
  }
}
