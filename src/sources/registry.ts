import { MiB } from "../bytes/align.ts";
import { type Digest, isDigest, sha256 } from "../bytes/digest.ts";
import { isIndexType, isManifestType, MediaType, OciLimits } from "../formats/oci/index.ts";
import { Authorizer } from "./auth.ts";
import type { RegistryCredentials } from "./credentials.ts";
import { parsing, SourceError } from "./errors.ts";
import { type HttpAnswer, type RequestHeaders, refusal, send } from "./http.ts";
import { type Clock, DEFAULT_LIMITS, Patience, type RegistryLimits, SYSTEM_CLOCK, TransientError } from "./patience.ts";
import { checkRepository, parseTagOrDigest } from "./reference.ts";
import type { BlobDescriptor, ImageSource } from "./source.ts";
import { agentFor } from "./tls.ts";
import { checkDigest, collect, verified } from "./verify.ts";

const MANIFEST_TYPES = [
  MediaType.ociIndex,
  MediaType.ociManifest,
  MediaType.dockerIndex,
  MediaType.dockerManifest,
].join(", ");

/** Bounds of answers that are no blobs: a page of tags, all tags of a repository. */
const PAGE_BYTES = 4 * MiB;
const PAGE_TAGS = 1000;
const MAX_PAGES = 200;
const MAX_TAGS = 100_000;

export interface RegistryOptions {
  /** `https://host[:port]` or `http://host[:port]`. */
  readonly base: string;
  readonly credentials?: RegistryCredentials;
  /** PEM certificates of authorities that are trusted besides the usual ones. */
  readonly ca?: string;
  readonly limits?: RegistryLimits;
  readonly clock?: Clock;
  /** Throws once nobody wants an answer any more; every wait looks at it twice a second. */
  readonly checkpoint?: () => void;
}

/**
 * Images in a registry (OCI distribution spec 1.1, the pull half), anonymously or with credentials. Each question is
 * asked again after failures that may pass, within the limits; a blob that was cut goes on where it ended.
 */
export class RegistrySource implements ImageSource {
  readonly #base: URL;
  readonly #ca: string;
  readonly #limits: RegistryLimits;
  readonly #clock: Clock;
  readonly #checkpoint: (() => void) | undefined;
  readonly #authorizer: Authorizer;

  constructor(options: RegistryOptions) {
    const base = registryBase(options.base);
    if (!base) throw new SourceError("reference_invalid", "registry: expected http(s)://host[:port]");
    const { credentials, ca = "", limits = DEFAULT_LIMITS, clock = SYSTEM_CLOCK } = options;
    this.#base = base;
    this.#ca = ca;
    this.#limits = limits;
    this.#clock = clock;
    this.#checkpoint = options.checkpoint;
    // Reading the trusted certificates takes some 50 ms: better at the start than within the first request.
    agentFor(base, ca);
    this.#authorizer = new Authorizer({ base, credentials, ca, clock });
  }

  async tags(repository: string): Promise<readonly string[]> {
    const patience = this.#patience();
    const tags: string[] = [];
    let next: string | undefined = `tags/list?n=${PAGE_TAGS}`;
    for (let page = 0; next !== undefined; page++) {
      if (page === MAX_PAGES) throw new SourceError("too_large", `${repository}: more than ${MAX_PAGES} pages of tags`);
      const found: TagPage = await this.#tagPage(repository, next, patience);
      tags.push(...found.tags);
      if (tags.length > MAX_TAGS) throw new SourceError("too_large", `${repository}: more than ${MAX_TAGS} tags`);
      next = found.next;
    }
    return tags;
  }

  async resolve(repository: string, tagOrDigest: string): Promise<BlobDescriptor> {
    const wanted = parseTagOrDigest(tagOrDigest);
    const what = `manifest ${repository} ${tagOrDigest}`;
    return await this.#document(repository, `manifests/${tagOrDigest}`, MANIFEST_TYPES, (bytes, answer) => {
      const mediaType = manifestType(answer, what);
      const digest = sha256(bytes);
      if ("digest" in wanted) checkDigest(bytes, wanted.digest, what);
      const claimed = answer.header("docker-content-digest");
      if (isDigest(claimed) && claimed !== digest) {
        throw new SourceError("digest_mismatch", `${what}: announced as ${claimed}, the bytes have ${digest}`);
      }
      return { mediaType, digest, size: bytes.length };
    });
  }

  async manifest(repository: string, digest: Digest): Promise<Uint8Array> {
    const what = `manifest ${repository}@${digest}`;
    return await this.#document(repository, `manifests/${digest}`, MANIFEST_TYPES, (bytes) =>
      checkDigest(bytes, digest, what),
    );
  }

  blob(repository: string, descriptor: BlobDescriptor): AsyncIterable<Uint8Array> {
    return verified(this.#resumed(repository, descriptor), descriptor);
  }

  #patience(): Patience {
    return new Patience(this.#limits, this.#clock, this.#checkpoint);
  }

  async #tagPage(repository: string, path: string, patience: Patience): Promise<TagPage> {
    const what = `${repository}: list of tags`;
    const read = (bytes: Uint8Array, answer: HttpAnswer): TagPage => ({
      tags: parsing(what, () => tagsIn(bytes)),
      next: nextPage(answer.header("link")),
    });
    return await this.#document(repository, path, "application/json", read, { limit: PAGE_BYTES, patience });
  }

  /** A small answer, read whole within each attempt. */
  async #document<T>(
    repository: string,
    path: string,
    accept: string,
    read: (bytes: Uint8Array, answer: HttpAnswer) => T,
    { limit, patience } = { limit: OciLimits.documentBytes as number, patience: this.#patience() },
  ): Promise<T> {
    return await patience.retried(async () => {
      const answer = await this.#ask(repository, path, { accept }, patience);
      if (answer.status !== 200) throw refused(answer);
      return read(await collect(answer.body, limit, `${repository}/${path}`), answer);
    });
  }

  /** The bytes of a blob as they come, over as many answers as it takes. What they are worth is judged by `verified`. */
  async *#resumed(repository: string, { digest, size }: BlobDescriptor): AsyncGenerator<Uint8Array> {
    const patience = this.#patience();
    for (let at = 0; ; ) {
      try {
        for await (const chunk of this.#rest(repository, digest, size, at, patience)) {
          at += chunk.length;
          patience.progress(chunk.length);
          yield chunk;
        }
        return;
      } catch (failure) {
        // All bytes have come; that the connection ended badly afterwards changes nothing about their digest.
        if (at >= size && failure instanceof TransientError) return;
        await patience.pause(failure);
      }
    }
  }

  /** The bytes of a blob from `at` on, out of one answer. A clean end before `size` is the answer's last word. */
  async *#rest(
    repository: string,
    digest: Digest,
    size: number,
    at: number,
    patience: Patience,
  ): AsyncGenerator<Uint8Array> {
    const path = `blobs/${digest}`;
    const range: RequestHeaders = at === 0 ? {} : { range: `bytes=${at}-` };
    const answer = await this.#ask(repository, path, { accept: "*/*", ...range }, patience);
    if (answer.status !== 200 && (answer.status !== 206 || at === 0)) throw refused(answer);
    if (answer.status === 206) checkRange(answer, `blob ${digest}`, at, size);
    let end = at;
    for await (const chunk of answer.status === 206 ? answer.body : behind(answer.body, at)) {
      end += chunk.length;
      yield chunk;
    }
    if (end < size && (answer.status === 206 || !answer.framed)) {
      throw new TransientError(`blob ${digest}: ended after ${end} of ${size} bytes`);
    }
  }

  /** One request below `/v2/<repository>/`, with one more when the registry wants to know who asks. */
  async #ask(repository: string, path: string, headers: RequestHeaders, patience: Patience): Promise<HttpAnswer> {
    checkRepository(repository);
    const url = new URL(`/v2/${repository}/${path}`, this.#base);
    for (let again = false; ; again = true) {
      const authorization = this.#authorizer.header(repository);
      const identified = authorization === undefined ? headers : { ...headers, authorization };
      const answer = await send({ url, headers: identified }, this.#ca, patience);
      // Only the registry itself may ask who we are, not a host it has sent us to.
      if (answer.status !== 401 || again || answer.url.origin !== this.#base.origin) return answer;
      answer.discard();
      await this.#authorizer.renew(repository, authorization, answer.header("www-authenticate") ?? "", patience);
    }
  }
}

/** Reads the URL of a registry, which is an origin and nothing more; undefined for anything else. */
export function registryBase(text: string): URL | undefined {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  return url.href === `${url.origin}/` ? url : undefined;
}

interface TagPage {
  readonly tags: readonly string[];
  /** Path of the next page. */
  readonly next: string | undefined;
}

function refused(answer: HttpAnswer): SourceError {
  answer.discard();
  return refusal(answer);
}

/** A part of a blob must start where we are and be of a blob of the size we expect. */
function checkRange(answer: HttpAnswer, what: string, at: number, size: number): void {
  const [, start, total] =
    /^bytes ([0-9]{1,15})-[0-9]{1,15}\/([0-9]{1,15}|\*)$/.exec(answer.header("content-range") ?? "") ?? [];
  if (Number(start) === at && (total === "*" || Number(total) === size)) return;
  answer.discard();
  throw new SourceError("malformed", `${what}: the registry answers with another range than asked for`);
}

/** What comes after the first `count` bytes: for registries that answer a request for a part with the whole. */
async function* behind(body: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of body) {
    const skipped = Math.min(left, chunk.length);
    left -= skipped;
    if (skipped < chunk.length) yield chunk.subarray(skipped);
  }
}

function manifestType(answer: HttpAnswer, what: string): string {
  const mediaType = (answer.header("content-type") ?? "").split(";")[0]!.trim();
  if (isIndexType(mediaType) || isManifestType(mediaType)) return mediaType;
  throw new SourceError("malformed", `${what}: "${mediaType.slice(0, 120)}" is no image manifest or index`);
}

/** The next page of a list, always below the repository that was asked: only the query of a link is used. */
function nextPage(link: string | undefined): string | undefined {
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
