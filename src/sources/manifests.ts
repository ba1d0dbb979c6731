import { type Digest, isDigest } from "../bytes/digest.ts";
import { readYaml, type YamlNode } from "../talos/yaml-read.ts";
import { parsing, SourceError } from "./errors.ts";
import { type ImageReference, parseReference } from "./reference.ts";

/** One official extension of a Talos version (factory.md 1.9). */
export interface ExtensionRef {
  /** Repository path as in the manifest, such as `siderolabs/gvisor`. */
  readonly name: string;
  /** `<core registry host>/<name>:<tag>`. */
  readonly ref: string;
  readonly digest: Digest;
  readonly author: string;
  readonly description: string;
}

/** One official overlay of a Talos version (factory.md 1.9). */
export interface OverlayRef {
  readonly name: string;
  /** Repository path of its image. */
  readonly image: string;
  /** The reference as the manifest has it. */
  readonly ref: string;
  readonly digest: Digest;
}

const MAX_ENTRIES = 10_000;
const MAX_TEXT = 64 * 1024;

function text(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SourceError("malformed", `${file}: not UTF-8 text`, { cause });
  }
}

/** The bounds on nesting and aliases are the reader's. */
function yaml(bytes: Uint8Array, file: string): YamlNode | undefined {
  return parsing(file, () => readYaml(bytes));
}

/** A member of a mapping; undefined for null, for what is absent, and where there is no mapping. */
function child(node: YamlNode | undefined, key: string): YamlNode | undefined {
  if (node?.$case !== "map") return undefined;
  const value = node.entries.find(([name]) => name.$case === "scalar" && name.text === key)?.[1];
  return value?.$case === "scalar" && value.value.$case === "null" ? undefined : value;
}

/** All members of a mapping at once, where looking up one by one would take the square of their number. */
function byKey(node: YamlNode | undefined): ReadonlyMap<string, YamlNode> {
  if (node?.$case !== "map") return new Map();
  return new Map(node.entries.map(([name, value]) => [name.$case === "scalar" ? name.text : "", value]));
}

/** A string member, "" when it is absent. */
function member(node: YamlNode | undefined, key: string, path: string): string {
  const found = child(node, key);
  if (found === undefined) return "";
  if (found.$case !== "scalar" || found.text.length > MAX_TEXT) {
    throw new SourceError("malformed", `${path}.${key}: expected a short text`);
  }
  return found.text;
}

function tagged(reference: ImageReference, path: string): ImageReference & { readonly tag: string } {
  const { tag } = reference;
  if (tag === undefined) throw new SourceError("malformed", `${path}: has no tag`);
  return { ...reference, tag };
}

/** Keeps `reference_invalid` for the user's own references: a foreign list with a bad one is malformed. */
function foreignReference(line: string, path: string): ImageReference & { readonly tag: string } {
  try {
    return tagged(parseReference(line), path);
  } catch (cause) {
    throw cause instanceof SourceError && cause.code === "malformed"
      ? cause
      : new SourceError("malformed", `${path}: not an image reference`, { cause });
  }
}

/**
 * The extensions of an `image-digests` file, in its order, with what `descriptions.yaml` says about each
 * (factory.md 4.3). Lines without `@` are skipped; a missing description is empty. `host` opens the references.
 * Throws `malformed`.
 */
export function parseExtensions(
  digests: Uint8Array,
  descriptions: Uint8Array | undefined,
  host: string,
): readonly ExtensionRef[] {
  const about = descriptions === undefined ? undefined : byKey(yaml(descriptions, "descriptions.yaml"));
  const lines = text(digests, "image-digests")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.includes("@"));
  if (lines.length > MAX_ENTRIES) throw new SourceError("too_large", `image-digests: more than ${MAX_ENTRIES} lines`);
  return lines.map((line, i) => {
    const path = `image-digests: entry ${i}`;
    const { repository, tag, digest } = foreignReference(line, path);
    if (digest === undefined) throw new SourceError("malformed", `${path}: has no digest`);
    const described = about?.get(line);
    return {
      name: repository,
      ref: `${host}/${repository}:${tag}`,
      digest,
      author: member(described, "author", `descriptions.yaml: entry ${i}`),
      description: member(described, "description", `descriptions.yaml: entry ${i}`),
    };
  });
}

/** The overlays of an `overlays.yaml` file, in its order (factory.md 4.3). Throws `malformed`. */
export function parseOverlays(bytes: Uint8Array): readonly OverlayRef[] {
  const list = child(yaml(bytes, "overlays.yaml"), "overlays");
  if (list === undefined) return [];
  if (list.$case !== "seq") throw new SourceError("malformed", "overlays.yaml: overlays: expected a list");
  if (list.items.length > MAX_ENTRIES) {
    throw new SourceError("too_large", `overlays.yaml: more than ${MAX_ENTRIES} entries`);
  }
  return list.items.map((item, i) => {
    const path = `overlays.yaml: overlays[${i}]`;
    const name = member(item, "name", path);
    const ref = member(item, "image", path);
    const digest = member(item, "digest", path);
    if (name === "") throw new SourceError("malformed", `${path}.name: is empty`);
    if (!isDigest(digest)) throw new SourceError("malformed", `${path}.digest: no sha256 digest`);
    return { name, image: foreignReference(ref, `${path}.image`).repository, ref, digest };
  });
}
