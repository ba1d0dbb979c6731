import { MiB } from "../bytes/align.ts";
import { type Digest, isDigest, sha256 } from "../bytes/digest.ts";
import { isIndexType, isManifestType, MediaType, OciLimits } from "../formats/oci/index.ts";
import { parseChallenges } from "./challenge.ts";
import { parsing, SourceError } from "./errors.ts";
import { DEFAULT_TIMEOUTS, type HttpAnswer, type HttpTimeouts, send } from "./http.ts";
import { checkRepository, parseTagOrDigest } from "./reference.ts";
import type { BlobDescriptor, ImageSource } from "./source.ts";
import { checkDigest, collect, verified } from "./verify.ts";

const MANIFEST_TYPES = [
  MediaType.ociIndex,
  MediaType.ociManifest,
  MediaType.dockerIndex,
  MediaType.dockerManifest,
].join(", ");

/** Bounds of answers that are no blobs: a page of tags, a token, all tags of a repository. */
const PAGE_BYTES = 4 * MiB;
const TOKEN_BYTES = MiB;
const PAGE_TAGS = 1000;
const MAX_PAGES = 200;
const MAX_TAGS = 100_000;

export interface RegistryOptions {
  /** `https://host[:port]` or `http://host[:port]`. */
  readonly base: string;
  readonly timeouts?: HttpTimeouts;
}

/**
 * Images in a registry (OCI distribution spec 1.1, the pull half), without credentials: where the registry asks for
 * a Bearer token, an anonymous one is fetched. Retries and resumption are the caller's business.
 */
export class RegistrySource implements ImageSource {
  readonly #base: URL;
  readonly #timeouts: HttpTimeouts;
  /** Token per repository; replaced when the registry stops to accept it. */
  readonly #tokens = new Map<string, string>();

  constructor(options: RegistryOptions) {
    const base = URL.parse(options.base);
    if (!base || !["http:", "https:"].includes(base.protocol) || base.pathname !== "/" || base.username !== "") {
      throw new SourceError("reference_invalid", "registry: expected http(s)://host[:port]");
    }
    this.#base = base;
    this.#timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
  }

  async tags(repository: string): Promise<readonly string[]> {
    const tags: string[] = [];
    let next: string | undefined = `tags/list?n=${PAGE_TAGS}`;
    for (let page = 0; next !== undefined; page++) {
      if (page === MAX_PAGES) throw new SourceError("too_large", `${repository}: more than ${MAX_PAGES} pages of tags`);
      const answer: HttpAnswer = await this.#ask(repository, next, "application/json");
      const bytes = await collect(answer.body, PAGE_BYTES, `${repository}: list of tags`);
      tags.push(...parsing(`${repository}: list of tags`, () => tagsIn(bytes)));
      if (tags.length > MAX_TAGS) throw new SourceError("too_large", `${repository}: more than ${MAX_TAGS} tags`);
      next = nextPage(answer.headers.get("link"));
    }
    return tags;
  }

  async resolve(repository: string, tagOrDigest: string): Promise<BlobDescriptor> {
    const wanted = parseTagOrDigest(tagOrDigest);
    const what = `manifest ${repository} ${tagOrDigest}`;
    const answer = await this.#ask(repository, `manifests/${tagOrDigest}`, MANIFEST_TYPES);
    const mediaType = manifestType(answer, what);
    const bytes = await collect(answer.body, OciLimits.documentBytes, what);
    const digest = sha256(bytes);
    if ("digest" in wanted) checkDigest(bytes, wanted.digest, what);
    const claimed = answer.headers.get("docker-content-digest");
    if (isDigest(claimed) && claimed !== digest) {
      throw new SourceError("digest_mismatch", `${what}: announced as ${claimed}, the bytes have ${digest}`);
    }
    return { mediaType, digest, size: bytes.length };
  }

  async manifest(repository: string, digest: Digest): Promise<Uint8Array> {
    const what = `manifest ${repository}@${digest}`;
    const answer = await this.#ask(repository, `manifests/${digest}`, MANIFEST_TYPES);
    return checkDigest(await collect(answer.body, OciLimits.documentBytes, what), digest, what);
  }

  async *blob(repository: string, descriptor: BlobDescriptor): AsyncGenerator<Uint8Array> {
    const answer = await this.#ask(repository, `blobs/${descriptor.digest}`, "*/*");
    yield* verified(answer.body, descriptor);
  }

  /** One request below `/v2/<repository>/`; with one more try after a token was asked for. Gives only a 200 back. */
  async #ask(repository: string, path: string, accept: string): Promise<HttpAnswer> {
    checkRepository(repository);
    const url = new URL(`/v2/${repository}/${path}`, this.#base);
    const attempt = (): Promise<HttpAnswer> => {
      const token = this.#tokens.get(repository);
      const headers = token === undefined ? { accept } : { accept, authorization: `Bearer ${token}` };
      return send(url, headers, this.#timeouts);
    };
    let answer = await attempt();
    if (answer.status === 401) {
      await answer.discard();
      this.#tokens.set(repository, await this.#token(repository, answer.headers.get("www-authenticate") ?? ""));
      answer = await attempt();
    }
    if (answer.status === 200) return answer;
    await answer.discard();
    throw refusal(answer.status, url);
  }

  /** An anonymous token, as the registry's challenge describes (distribution "token authentication"). */
  async #token(repository: string, header: string): Promise<string> {
    const challenge = parseChallenges(header).find(({ scheme }) => scheme === "bearer");
    const realm = URL.parse(challenge?.parameters.get("realm") ?? "");
    if (!challenge || !realm) throw new SourceError("denied", `${repository}: the registry wants credentials`);
    if (realm.protocol !== "https:" && realm.protocol !== this.#base.protocol) {
      throw new SourceError("denied", `${repository}: the registry sends to "${realm.origin}" for a token`);
    }
    const service = challenge.parameters.get("service");
    if (service !== undefined) realm.searchParams.set("service", service);
    realm.searchParams.set("scope", challenge.parameters.get("scope") ?? `repository:${repository}:pull`);
    const answer = await send(realm, { accept: "application/json" }, this.#timeouts);
    if (answer.status !== 200) {
      await answer.discard();
      throw refusal(answer.status, realm);
    }
    const bytes = await collect(answer.body, TOKEN_BYTES, `${repository}: token`);
    return parsing(`${repository}: token`, () => tokenIn(bytes));
  }
}

function refusal(status: number, url: URL): SourceError {
  const what = `${url.origin}${url.pathname}`;
  if (status === 404) return new SourceError("not_found", `${what}: not found`);
  if (status === 401 || status === 403) return new SourceError("denied", `${what}: access denied (${status})`);
  return new SourceError("unreachable", `${what}: answered with status ${status}`);
}

function manifestType(answer: HttpAnswer, what: string): string {
  const mediaType = (answer.headers.get("content-type") ?? "").split(";")[0]!.trim();
  if (isIndexType(mediaType) || isManifestType(mediaType)) return mediaType;
  throw new SourceError("malformed", `${what}: "${mediaType.slice(0, 120)}" is no image manifest or index`);
}

/** The next page of a list, always below the repository that was asked: only the query of a link is used. */
function nextPage(link: string | null): string | undefined {
  const target = /<([^<>]*)>\s*;[^,]*\brel="?next"?/.exec(link ?? "")?.[1];
  const query = target === undefined ? "" : (URL.parse(target, "http://any.invalid")?.search ?? "");
  return query === "" ? undefined : `tags/list${query}`;
}

function jsonObject(bytes: Uint8Array): Record<string, unknown> {
  const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (typeof value !== "object" || value === null) throw new SourceError("malformed", "expected a JSON object");
  return value as Record<string, unknown>;
}

/** Tags of one page. A registry may say null for none. */
function tagsIn(bytes: Uint8Array): readonly string[] {
  const { tags } = jsonObject(bytes);
  if (tags === null || tags === undefined) return [];
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string")) {
    throw new SourceError("malformed", "list of tags: expected a list of strings");
  }
  return tags;
}

/** The token of an answer, under either of its two names; it must be fit for a header. */
function tokenIn(bytes: Uint8Array): string {
  const { token, access_token: accessToken } = jsonObject(bytes);
  const text = token ?? accessToken;
  if (typeof text !== "string" || !/^[\x21-\x7e]{1,16384}$/.test(text)) {
    throw new SourceError("malformed", "token: expected text of printable characters");
  }
  return text;
}
