import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Digest } from "../../src/bytes/digest.ts";
import type { TestRegistry } from "./registry.ts";

/** One request as the server saw it. */
export interface Seen {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range?: string;
}

/** Answers a request itself and says so, or leaves it to the registry. */
export type Interceptor = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface RunningRegistry extends AsyncDisposable {
  readonly base: string;
  readonly seen: readonly Seen[];
}

const ROUTE = /^\/v2\/(.+?)\/(tags\/list|manifests\/([^/]+)|blobs\/([^/]+))$/;

function answer(registry: TestRegistry, request: IncomingMessage, response: ServerResponse, pageSize: number): void {
  const url = new URL(request.url ?? "", "http://loopback");
  const [, repository, kind, reference, blob] = ROUTE.exec(url.pathname) ?? [];
  if (kind === "tags/list") {
    tags(registry, repository!, url, response, pageSize);
    return;
  }
  const named = registry.names.get(`${repository}:${reference}`);
  const digest = (named?.digest ?? reference ?? blob) as Digest;
  const bytes = registry.blobs.get(digest);
  if (!bytes) {
    response.writeHead(404).end("{}");
    return;
  }
  const from = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (blob && from > 0) {
    part(bytes, from, response);
    return;
  }
  const stated = blob ? undefined : (JSON.parse(Buffer.from(bytes).toString()) as { mediaType: string }).mediaType;
  response.writeHead(200, { "content-type": stated ?? "application/octet-stream", "docker-content-digest": digest });
  response.end(bytes);
}

/** The bytes from `from` on, as a registry resumes a blob. */
function part(bytes: Uint8Array, from: number, response: ServerResponse): void {
  const range = `${from >= bytes.length ? "*" : `${from}-${bytes.length - 1}`}/${bytes.length}`;
  response.writeHead(from >= bytes.length ? 416 : 206, { "content-range": `bytes ${range}` });
  response.end(bytes.subarray(from));
}

function tags(registry: TestRegistry, repository: string, url: URL, response: ServerResponse, pageSize: number): void {
  const prefix = `${repository}:`;
  const all = [...registry.names.keys()].filter((name) => name.startsWith(prefix)).map((n) => n.slice(prefix.length));
  if (all.length === 0) {
    response.writeHead(404).end("{}");
    return;
  }
  const start = Number(url.searchParams.get("last") ?? 0);
  const more = start + pageSize < all.length;
  const link = `<${url.pathname}?n=${pageSize}&last=${start + pageSize}>; rel="next"`;
  response.writeHead(200, { "content-type": "application/json", ...(more ? { link } : {}) });
  response.end(JSON.stringify({ name: repository, tags: all.slice(start, start + pageSize) }));
}

/** Serves a test registry on a loopback port; `intercept` comes first. Tags come in pages of `pageSize`. */
export async function serveRegistry(
  registry: TestRegistry,
  intercept: Interceptor = () => false,
  pageSize = 2,
): Promise<RunningRegistry> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const { authorization, range } = request.headers;
    seen.push({ url: request.url ?? "", authorization, ...(range === undefined ? {} : { range }) });
    if (!intercept(request, response)) answer(registry, request, response, pageSize);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    base: `http://127.0.0.1:${port}`,
    seen,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
