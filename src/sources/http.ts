import { messageOf } from "../errors.ts";
import { SourceError } from "./errors.ts";

/** How long to wait for an answer's head, and for each next piece of its body (milliseconds). */
const HEAD_TIMEOUT_MS = 30_000;
const IDLE_TIMEOUT_MS = 60_000;
const MAX_REDIRECTS = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Names in lower case. */
export type RequestHeaders = Readonly<Record<string, string>>;

/** An answer and its body, which must be read to its end or given up with `discard`. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

export interface HttpTimeouts {
  readonly headMs: number;
  readonly idleMs: number;
}

export const DEFAULT_TIMEOUTS: HttpTimeouts = { headMs: HEAD_TIMEOUT_MS, idleMs: IDLE_TIMEOUT_MS };

function unreachable(url: URL, cause: unknown): SourceError {
  // The query may hold a signature of a storage service: it stays out of messages.
  return new SourceError("unreachable", `${url.origin}${url.pathname}: ${messageOf(cause)}`, { cause });
}

/** The body, with a time limit on each wait for more; the time a receiver takes does not count. */
async function* guarded(response: Response, url: URL, idleMs: number, abort: () => void): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  try {
    while (reader) {
      const timer = setTimeout(abort, idleMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw unreachable(url, cause);
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
}

async function once(url: URL, headers: RequestHeaders, timeouts: HttpTimeouts): Promise<HttpAnswer> {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new Error("timed out"));
  const timer = setTimeout(abort, timeouts.headMs);
  try {
    const response = await fetch(url, {
      // Blobs are compressed by themselves; a transfer coding would change the bytes that are hashed.
      headers: { ...headers, "accept-encoding": "identity" },
      redirect: "manual",
      signal: controller.signal,
    });
    clearTimeout(timer);
    return {
      status: response.status,
      headers: response.headers,
      body: guarded(response, url, timeouts.idleMs, abort),
      discard: async () => {
        await response.body?.cancel().catch(() => undefined);
      },
    };
  } catch (cause) {
    clearTimeout(timer);
    throw unreachable(url, cause);
  }
}

/** Where a redirect leads. Only http and https are followed, and never from https down to http. */
function redirectTarget(from: URL, location: string | null): URL {
  const target = location === null ? null : URL.parse(location, from.href);
  if (!target || (target.protocol !== "https:" && target.protocol !== "http:")) {
    throw new SourceError("unreachable", `${from.origin}${from.pathname}: redirects to nowhere`);
  }
  if (from.protocol === "https:" && target.protocol === "http:") {
    throw new SourceError("unreachable", `${from.origin}${from.pathname}: redirects from https to http`);
  }
  return target;
}

/**
 * One GET request with at most five redirects. Authorization is dropped for good as soon as the origin changes.
 * Any status comes back as an answer; `unreachable` means that there was none, or too many redirects.
 */
export async function send(start: URL, first: RequestHeaders, timeouts: HttpTimeouts): Promise<HttpAnswer> {
  let url = start;
  let headers = first;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const answer = await once(url, headers, timeouts);
    if (!REDIRECTS.includes(answer.status)) return answer;
    await answer.discard();
    const next = redirectTarget(url, answer.headers.get("location"));
    if (next.origin !== url.origin) {
      const { authorization: _dropped, ...rest } = headers;
      headers = rest;
    }
    url = next;
  }
  throw new SourceError("unreachable", `${start.origin}${start.pathname}: more than ${MAX_REDIRECTS} redirects`);
}
