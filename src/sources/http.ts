import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { messageOf } from "../errors.ts";
import { SourceError } from "./errors.ts";
import { type Patience, retryAfter, TransientError } from "./patience.ts";
import { agentFor } from "./tls.ts";

const MAX_REDIRECTS = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** An unwanted body up to this size is read so that its connection can be used again, if it comes within the time. */
const DRAIN_BYTES = 64 * 1024;
const DRAIN_MS = 1000;
/** Codes of Node and OpenSSL for a certificate that is not good; asking again does not make it better. */
const UNTRUSTED = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT|INVALID_CA|HOSTNAME_MISMATCH)/;

/** Names in lower case. */
export type RequestHeaders = Readonly<Record<string, string>>;

/** A GET, or the POST of a form. */
export interface HttpRequest {
  readonly url: URL;
  readonly headers: RequestHeaders;
  /** Body of a POST, which follows no redirects. */
  readonly form?: string;
}

/** An answer and its body, which must be read to its end or given up with `discard`. */
export interface HttpAnswer {
  readonly status: number;
  /** Who answered in the end, after redirects. */
  readonly url: URL;
  /** False when the end of the connection is the only sign for the end of the body. */
  readonly framed: boolean;
  /** `name` in lower case. */
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  discard(): void;
}

/** How a URL stands in messages: its query may hold a signature of a storage service. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function failure(url: URL, cause: unknown): SourceError {
  const { code } = cause as { code?: unknown };
  if (typeof code === "string" && UNTRUSTED.test(code)) {
    return new SourceError("unreachable", `${shown(url)}: its certificate is not trusted (${code})`, { cause });
  }
  // Node's own texts name addresses inside the network; they are for the log.
  return new TransientError(`${shown(url)}: ${typeof code === "string" ? code : messageOf(cause)}`, { cause });
}

/** The body, with a time limit on each wait for more; the time a receiver takes does not count. */
async function* bodyOf(response: IncomingMessage, url: URL, patience: Patience): AsyncGenerator<Uint8Array> {
  const chunks = response[Symbol.asyncIterator]();
  try {
    for (;;) {
      const giveUp = (reason: Error): unknown => response.destroy(reason);
      const step = await patience.wait(chunks.next(), patience.limits.idleMs, giveUp);
      if (step.done) return;
      yield step.value as Uint8Array;
    }
  } catch (cause) {
    throw failure(url, cause);
  } finally {
    response.destroy();
  }
}

function discard(response: IncomingMessage): void {
  if (Number(response.headers["content-length"] ?? Number.NaN) <= DRAIN_BYTES) {
    const timer = setTimeout(() => response.destroy(), DRAIN_MS);
    response.once("close", () => clearTimeout(timer)).resume();
  } else response.destroy();
}

/**
 * The head of an answer. Node's own http rather than `fetch`: fetch takes no certificate authority of our own without
 * undici as a package, follows its own rules for redirects, and its streams cost more than the sockets below.
 */
async function once({ url, headers, form }: HttpRequest, ca: string, patience: Patience): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.protocol === "https:" ? requestSecure : requestPlain;
  const outgoing = send(url, {
    method: form === undefined ? "GET" : "POST",
    // Blobs are compressed by themselves; a transfer coding would change the bytes that are hashed.
    headers: { ...headers, "accept-encoding": "identity", "user-agent": "image-foundry" },
    agent: agentFor(url, ca),
  });
  outgoing.on("response", resolve).on("error", reject);
  outgoing.on("close", () => reject(new Error("closed without an answer")));
  outgoing.end(form);
  const giveUp = (reason: Error): void => {
    reject(reason);
    outgoing.destroy(reason);
  };
  try {
    const response = await patience.wait(promise, patience.limits.headMs, giveUp);
    // A discarded body may still fail; that is nobody's concern.
    response.on("error", () => undefined);
    return {
      status: response.statusCode ?? 0,
      url,
      framed: response.headers["content-length"] !== undefined || response.headers["transfer-encoding"] !== undefined,
      header: (name) => response.headers[name]?.toString(),
      body: bodyOf(response, url, patience),
      discard: () => discard(response),
    };
  } catch (cause) {
    throw failure(url, cause);
  }
}

/** Where a redirect leads. Only http and https are followed, and never from https down to http. */
function redirectTarget(from: URL, location: string | undefined): URL {
  const target = location === undefined ? null : URL.parse(location, from.href);
  if (!target || (target.protocol !== "https:" && target.protocol !== "http:")) {
    throw new SourceError("unreachable", `${shown(from)}: redirects to nowhere`);
  }
  if (from.protocol === "https:" && target.protocol === "http:") {
    throw new SourceError("unreachable", `${shown(from)}: redirects from https to http`);
  }
  // Node would make an Authorization header of these.
  target.username = "";
  target.password = "";
  target.hash = "";
  return target;
}

/**
 * One request with at most five redirects. Authorization is dropped for good as soon as the origin changes. Any
 * status comes back as an answer; `unreachable` means that there was none, a redirect that leads nowhere good, or a
 * certificate that neither the usual authorities nor `ca` (PEM) vouch for.
 */
export async function send(request: HttpRequest, ca: string, patience: Patience): Promise<HttpAnswer> {
  let { url, headers } = request;
  const visited = new Set<string>();
  while (visited.size <= MAX_REDIRECTS) {
    visited.add(url.href);
    const answer = await once({ ...request, url, headers }, ca, patience);
    if (!REDIRECTS.includes(answer.status) || request.form !== undefined) return answer;
    answer.discard();
    const next = redirectTarget(url, answer.header("location"));
    if (visited.has(next.href)) throw new SourceError("unreachable", `${shown(url)}: redirects in a circle`);
    if (next.origin !== url.origin) {
      const { authorization: _dropped, ...rest } = headers;
      headers = rest;
    }
    url = next;
  }
  throw new SourceError("unreachable", `${shown(request.url)}: more than ${MAX_REDIRECTS} redirects`);
}

/** The error for a status that is none of the expected ones. */
export function refusal({ status, url, header }: HttpAnswer): SourceError {
  const what = shown(url);
  if (status === 404) return new SourceError("not_found", `${what}: not found`);
  if (status === 401 || status === 403) return new SourceError("denied", `${what}: access denied (${status})`);
  const message = `${what}: answered with status ${status}`;
  if (status === 408 || status === 429 || status >= 500) {
    return new TransientError(message, { retryAfterMs: retryAfter(header("retry-after"), header("date")) });
  }
  return new SourceError("unreachable", message);
}
