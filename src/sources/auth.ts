import { MiB } from "../bytes/align.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { RegistryCredentials } from "./credentials.ts";
import { SourceError } from "./errors.ts";
import { type HttpRequest, refusal, send } from "./http.ts";
import type { Clock, Patience } from "./patience.ts";
import { collect } from "./verify.ts";

const TOKEN_BYTES = MiB;
/** Repositories whose tokens are kept. */
const MAX_TOKENS = 1000;
/** Distribution "token authentication": a token is good for at least a minute; longer than a day none is kept. */
const MIN_TOKEN_S = 60;
const MAX_TOKEN_S = 24 * 60 * 60;
/** A token is renewed in the last tenth of its time, before it ends on the way. */
const USED_PART = 0.9;
const CLIENT_ID = "image-foundry";

interface Token {
  readonly header: string;
  /** Milliseconds of the clock. */
  readonly until: number;
}

export interface AuthorizerOptions {
  readonly base: URL;
  readonly credentials: RegistryCredentials | undefined;
  /** PEM, or empty. */
  readonly ca: string;
  readonly clock: Clock;
}

/**
 * Answers the challenges of one registry: Basic with credentials, Bearer by a token, anonymous or with credentials.
 * Tokens are kept per repository (the scope is `repository:<name>:pull`) until shortly before they end.
 *
 * Credentials go to two places only: to the registry's own origin when it asks for Basic, and to the token service it
 * names itself. Both are reached as safely as the registry: over https, unless the registry is a plain http one.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #tokens = new Map<string, Token>();
  readonly #renewing = new Map<string, Promise<void>>();
  #basic: string | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** The Authorization header to try for a repository; undefined when none is known to be needed. */
  header(repository: string): string | undefined {
    const token = this.#tokens.get(repository);
    if (token && token.until > this.#options.clock.now()) return token.header;
    return this.#basic;
  }

  /**
   * Makes `header` give another answer than `used`, as the registry's challenge says; callers for one repository share
   * one exchange. Throws `denied` when there is no other answer, `unreachable` or `malformed` when the token service
   * fails.
   */
  async renew(repository: string, used: string | undefined, challenge: string, patience: Patience): Promise<void> {
    const current = this.header(repository);
    if (current !== undefined && current !== used) return;
    this.#tokens.delete(repository);
    const running = this.#renewing.get(repository) ?? this.#answer(repository, used, challenge, patience);
    this.#renewing.set(repository, running);
    try {
      await running;
    } finally {
      this.#renewing.delete(repository);
    }
  }

  async #answer(repository: string, used: string | undefined, header: string, patience: Patience): Promise<void> {
    const { credentials } = this.#options;
    const challenges = parseChallenges(header);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    const realm = bearer && URL.parse(bearer.parameters.get("realm") ?? "");
    if (bearer && realm) {
      const token = await this.#token(repository, this.#request(repository, bearer, realm), patience);
      this.#tokens.set(repository, token);
      if (this.#tokens.size > MAX_TOKENS) this.#tokens.delete(this.#tokens.keys().next().value!);
      return;
    }
    const basic = credentials && basicHeader(credentials);
    if (!challenges.some(({ scheme }) => scheme === "basic") || basic === undefined) {
      throw new SourceError("denied", `${repository}: the registry wants credentials`);
    }
    if (used === basic) throw new SourceError("denied", `${repository}: the registry does not accept the credentials`);
    this.#basic = basic;
  }

  /** How to ask the token service. */
  #request(repository: string, { parameters }: Challenge, realm: URL): HttpRequest {
    const { base, credentials } = this.#options;
    if (realm.protocol !== "https:" && (realm.protocol !== "http:" || base.protocol !== "http:")) {
      throw new SourceError("denied", `${repository}: the registry sends to "${realm.origin}" for a token`);
    }
    realm.username = "";
    realm.password = "";
    realm.hash = "";
    const service = parameters.get("service");
    const query = new URLSearchParams(service === undefined ? {} : { service });
    query.set("scope", parameters.get("scope") ?? `repository:${repository}:pull`);
    const headers = { accept: "application/json" };
    if (credentials?.$case === "identity-token") {
      const grant = { grant_type: "refresh_token", client_id: CLIENT_ID, refresh_token: credentials.token };
      for (const [name, value] of Object.entries(grant)) query.set(name, value);
      const type = "application/x-www-form-urlencoded";
      return { url: realm, headers: { ...headers, "content-type": type }, form: query.toString() };
    }
    for (const [name, value] of query) realm.searchParams.set(name, value);
    const basic = credentials && basicHeader(credentials);
    return { url: realm, headers: basic === undefined ? headers : { ...headers, authorization: basic } };
  }

  async #token(repository: string, request: HttpRequest, patience: Patience): Promise<Token> {
    const { ca, clock } = this.#options;
    const from = clock.now();
    const answer = await send(request, ca, patience);
    if (answer.status !== 200) {
      answer.discard();
      throw tokenRefusal(refusal(answer));
    }
    const { token, seconds } = tokenIn(await collect(answer.body, TOKEN_BYTES, `${repository}: token`));
    return { header: `Bearer ${token}`, until: from + seconds * USED_PART * 1000 };
  }
}

/** Without a token service nothing is known about the image: least of all that there is none. */
function tokenRefusal(error: SourceError): SourceError {
  return error.code === "not_found" ? new SourceError("unreachable", `${error.message}: no token service`) : error;
}

function basicHeader(credentials: RegistryCredentials): string | undefined {
  if (credentials.$case !== "password") return undefined;
  const pair = `${credentials.username}:${credentials.password}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}

/** The token of an answer, under either of its two names, fit for a header, and its seconds. */
function tokenIn(bytes: Uint8Array): { readonly token: string; readonly seconds: number } {
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // Without the parser's words: they quote the text, which may hold a token.
    throw new SourceError("malformed", "token: not a JSON document");
  }
  const { token, access_token: accessToken, expires_in: expires } = (answer ?? {}) as Record<string, unknown>;
  const text = token ?? accessToken;
  if (typeof text !== "string" || !/^[\x21-\x7e]{1,16384}$/.test(text)) {
    throw new SourceError("malformed", "token: expected text of printable characters");
  }
  const stated = typeof expires === "number" && expires > 0 ? expires : MIN_TOKEN_S;
  return { token: text, seconds: Math.min(Math.max(stated, MIN_TOKEN_S), MAX_TOKEN_S) };
}
