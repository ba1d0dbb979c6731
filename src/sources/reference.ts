import { type Digest, isDigest } from "../bytes/digest.ts";
import { SourceError } from "./errors.ts";

/** An image reference in its parts. At least the repository is there. */
export interface ImageReference {
  /** `host` or `host:port`; absent when the text names none. */
  readonly registry?: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** Distribution spec 1.1, "pulling manifests": names and tags. */
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;

const MAX_REPOSITORY = 255;
const MAX_REFERENCE = 512;

function refuse(text: string, reason: string): SourceError {
  return new SourceError("reference_invalid", `image reference "${text.slice(0, 120)}": ${reason}`);
}

/** True for a repository path as the distribution spec allows it. */
function isRepository(text: string): boolean {
  return text.length <= MAX_REPOSITORY && text.split("/").every((part) => COMPONENT.test(part));
}

/** True for a tag as the distribution spec allows it. */
function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Throws `reference_invalid` unless `repository` is well formed: it becomes a part of URLs and file names. */
export function checkRepository(repository: string): void {
  if (!isRepository(repository)) throw refuse(repository, "not a repository name");
}

/**
 * Reads a tag or digest, for sources: gives the digest when it is one. Throws `reference_invalid` for text that is
 * neither.
 */
export function parseTagOrDigest(text: string): { readonly tag: string } | { readonly digest: Digest } {
  if (isDigest(text)) return { digest: text };
  if (!isTag(text)) throw refuse(text, "neither a tag nor a sha256 digest");
  return { tag: text };
}

/** The first component is a host when it could be no repository component, or is `localhost`. */
function splitHost(name: string): { registry?: string; repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  if (slash < 0 || !(first === "localhost" || /[.:]/.test(first))) return { repository: name };
  return { registry: first, repository: name.slice(slash + 1) };
}

/**
 * Reads `[host[:port]/]repository[:tag][@sha256:…]`. There are no default registries, tags or name prefixes.
 * Throws `reference_invalid`.
 */
export function parseReference(text: string): ImageReference {
  if (text.length > MAX_REFERENCE) throw refuse(text, `longer than ${MAX_REFERENCE} characters`);
  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw refuse(text, "expected sha256:<64 lower-case hex> after @");
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) throw refuse(text, "the tag is malformed");
  const { registry, repository } = splitHost(hasTag ? named.slice(0, colon) : named);
  if (registry !== undefined && !HOST.test(registry)) throw refuse(text, "the registry host is malformed");
  if (!isRepository(repository)) throw refuse(text, "the repository name is malformed");
  return {
    ...(registry === undefined ? {} : { registry }),
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}
