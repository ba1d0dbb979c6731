import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What goes wrong with one answer. Offsets are bytes of its body. */
export type Fault =
  /** Nothing goes wrong with this one. */
  | { readonly $case: "none" }
  /** No answer at all. */
  | { readonly $case: "silent" }
  /** The body stops; the connection stays. */
  | { readonly $case: "stall"; readonly after: number }
  /** The connection is cut, at once or in the body. */
  | { readonly $case: "cut"; readonly after?: number }
  /** The body ends early and nothing but the end of the connection says so. */
  | { readonly $case: "unframed"; readonly after: number }
  /** Content-Length is wrong by `by`. */
  | { readonly $case: "length"; readonly by: number }
  /** The body is really shorter (`by` < 0) or longer, and Content-Length agrees. */
  | { readonly $case: "size"; readonly by: number }
  /** One bit is wrong. */
  | { readonly $case: "flip"; readonly at: number }
  | { readonly $case: "status"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** To itself, the same place or a new one each time. */
  | { readonly $case: "redirect"; readonly fresh: boolean }
  /** `bytes` every `everyMs`. */
  | { readonly $case: "drip"; readonly bytes: number; readonly everyMs: number }
  | { readonly $case: "digest-header"; readonly digest: string }
  /** No HTTP. */
  | { readonly $case: "garbage" }
  /** The whole body with status 200, whatever part was asked for. */
  | { readonly $case: "whole" }
  /** A part, but not the one that was asked for. */
  | { readonly $case: "range"; readonly shift: number }
  /** `bytes` of the part that was asked for, properly said. */
  | { readonly $case: "part"; readonly bytes: number };

export interface FaultProxy extends AsyncDisposable {
  readonly base: string;
  /** Paths with their Range, in the order they were asked for. */
  readonly seen: readonly string[];
  /** The next answers to paths that match go wrong, one fault each; with `repeat` the last goes on for ever. */
  inject(where: RegExp, faults: readonly Fault[], repeat?: boolean): void;
  clear(): void;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

async function ask(upstream: string, url: string, accept: string, range: string | undefined): Promise<Answer> {
  const response = await fetch(upstream + url, { headers: { accept, ...(range ? { range } : {}) } });
  const headers: Record<string, string> = {};
  for (const name of ["content-type", "docker-content-digest", "link", "content-range"]) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return { status: response.status, headers, body: Buffer.from(await response.arrayBuffer()) };
}

function plain({ status, headers, body }: Answer, response: ServerResponse, length = body.length): void {
  response.writeHead(status, { ...headers, "content-length": length });
  response.end(body);
}

/** Begins a body that promises everything and brings `after` bytes. */
function begin({ status, headers, body }: Answer, response: ServerResponse, after: number, then = () => {}): void {
  response.writeHead(status, { ...headers, "content-length": body.length });
  response.write(body.subarray(0, after), () => setTimeout(then, 5));
}

function flipped(body: Buffer, at: number): Buffer {
  const copy = Buffer.from(body);
  copy[at] = copy[at]! ^ 1;
  return copy;
}

async function drip({ status, headers, body }: Answer, response: ServerResponse, bytes: number, everyMs: number) {
  response.writeHead(status, { ...headers, "content-length": body.length });
  for (let at = 0; at < body.length && !response.destroyed; at += bytes) {
    response.write(body.subarray(at, at + bytes));
    await sleep(everyMs);
  }
  response.end();
}

/** The part a Content-Range speaks of, told otherwise. */
function reranged(answer: Answer, change: (from: number, to: number) => readonly [number, number]): Answer {
  const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers["content-range"] ?? "") ?? [];
  if (from === undefined) return answer;
  const [first, last] = change(Number(from), Number(to));
  const headers = { ...answer.headers, "content-range": `bytes ${first}-${last}/${total}` };
  return { ...answer, headers, body: answer.body.subarray(0, last - first + 1) };
}

function apply(fault: Fault, answer: Answer, url: string, response: ServerResponse): void {
  const { body, headers } = answer;
  switch (fault.$case) {
    case "silent":
      return;
    case "stall":
      begin(answer, response, fault.after);
      return;
    case "cut":
      if (fault.after === undefined) response.destroy();
      else begin(answer, response, fault.after, () => response.destroy());
      return;
    case "unframed":
      response.useChunkedEncodingByDefault = false;
      response.writeHead(answer.status, { ...headers, connection: "close" }).end(body.subarray(0, fault.after));
      return;
    case "length":
      plain(answer, response, body.length + fault.by);
      return;
    case "size":
      plain({ ...answer, body: Buffer.concat([body, Buffer.alloc(1000)], body.length + fault.by) }, response);
      return;
    case "flip":
      plain({ ...answer, body: flipped(body, fault.at) }, response);
      return;
    case "status":
      response.writeHead(fault.status, fault.headers).end("{}");
      return;
    case "redirect":
      response.writeHead(302, { location: fault.fresh ? `${url}${url.includes("?") ? "" : "?"}x` : url }).end();
      return;
    case "drip":
      void drip(answer, response, fault.bytes, fault.everyMs);
      return;
    case "digest-header":
      plain({ ...answer, headers: { ...headers, "docker-content-digest": fault.digest } }, response);
      return;
    case "garbage":
      response.socket?.end("SSH-2.0-no HTTP here\r\n");
      return;
    case "range":
      plain(
        reranged(answer, (from, to) => [from + fault.shift, to]),
        response,
      );
      return;
    case "part":
      plain(
        reranged(answer, (from) => [from, from + fault.bytes - 1]),
        response,
      );
      return;
    default:
      plain(answer, response);
  }
}

/** A proxy in front of a plain registry that lies, cuts, stalls and dawdles as told. */
export async function faultProxy(upstream: string): Promise<FaultProxy> {
  const seen: string[] = [];
  let plan: { readonly where: RegExp; readonly faults: Fault[]; readonly repeat: boolean } | undefined;
  const next = (url: string): Fault => {
    if (!plan?.where.test(url)) return { $case: "none" };
    const last = plan.repeat && plan.faults.length === 1;
    return (last ? plan.faults[0] : plan.faults.shift()) ?? { $case: "none" };
  };
  const server = createServer(async (request, response) => {
    const url = request.url ?? "";
    const { accept = "*/*", range } = request.headers;
    seen.push(range === undefined ? url : `${url} ${range}`);
    const fault = next(url);
    const answer = await ask(upstream, url, accept, fault.$case === "whole" ? undefined : range);
    apply(fault, answer, url, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    inject(where, faults, repeat = false) {
      plan = { where, faults: [...faults], repeat };
    },
    clear() {
      plan = undefined;
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
