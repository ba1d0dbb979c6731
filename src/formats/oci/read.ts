import { type Digest, isDigest } from "../../bytes/digest.ts";
import {
  asAnnotations,
  asArray,
  asDescriptor,
  asJson,
  asName,
  asObject,
  asText,
  decodeJson,
  optional,
  type RawObject,
} from "./json.ts";
import {
  type Descriptor,
  type HistoryEntry,
  type ImageConfig,
  type Index,
  isIndexType,
  isManifestType,
  type JsonValue,
  type Manifest,
  OciError,
  OciLimits,
} from "./model.ts";

/** What a manifest's digest can lead to. */
export type Document =
  | { readonly $case: "manifest"; readonly manifest: Manifest }
  | { readonly $case: "index"; readonly index: Index };

/**
 * The media type a document claims for itself, which must be the one it was announced with. A document that
 * claims none takes the announced one. Throws `oci_malformed` when both are there and differ.
 */
function documentType(object: RawObject, announced: string): string {
  const own = object.mediaType;
  if (own === undefined || own === "") return announced;
  const text = asText(own, "mediaType");
  if (text !== announced) {
    throw new OciError("oci_malformed", `mediaType: the document says "${text}", it was announced as "${announced}"`);
  }
  return text;
}

function checkSchema(object: RawObject): void {
  if (object.schemaVersion !== 2) throw new OciError("oci_unsupported", "schemaVersion: only 2 is read");
  // One document must never be readable as both kinds (image spec 1.1, "manifest.md": mediaType confusion).
  const both = object.manifests !== undefined && (object.layers !== undefined || object.config !== undefined);
  if (both) throw new OciError("oci_malformed", "document: holds both manifests and layers");
}

function parts(object: RawObject): Pick<Manifest, "artifactType" | "subject" | "annotations"> {
  return {
    ...optional(object, "artifactType", "document", asText),
    ...optional(object, "subject", "document", asDescriptor),
    ...optional(object, "annotations", "document", asAnnotations),
  };
}

function descriptors(value: unknown, path: string, limit: number): Descriptor[] {
  return asArray(value, path, limit).map((item, i) => asDescriptor(item, `${path}[${i}]`));
}

/**
 * Parses and checks a manifest or an index announced with `mediaType` (from its descriptor or the registry's
 * Content-Type). Throws `oci_malformed`, `oci_too_large`, or `oci_unsupported` for any other type.
 */
export function parseDocument(bytes: Uint8Array, mediaType: string): Document {
  const object = asObject(decodeJson(bytes, "document"), "document");
  const type = documentType(object, mediaType);
  checkSchema(object);
  if (isIndexType(type)) {
    const manifests = descriptors(object.manifests, "manifests", OciLimits.manifests);
    return { $case: "index", index: { mediaType: type, manifests, ...parts(object) } };
  }
  if (isManifestType(type)) {
    const config = asDescriptor(object.config, "config");
    const layers = descriptors(object.layers, "layers", OciLimits.layers);
    return { $case: "manifest", manifest: { mediaType: type, config, layers, ...parts(object) } };
  }
  throw new OciError("oci_unsupported", `mediaType: "${type.slice(0, 120)}" is no image manifest or index`);
}

/** `parseDocument` for callers that can only use a manifest; an index is `oci_unsupported`. */
export function parseManifest(bytes: Uint8Array, mediaType: string): Manifest {
  const document = parseDocument(bytes, mediaType);
  if (document.$case !== "manifest")
    throw new OciError("oci_unsupported", "document: an index where a manifest belongs");
  return document.manifest;
}

/** `parseDocument` for callers that can only use an index; a manifest is `oci_unsupported`. */
export function parseIndex(bytes: Uint8Array, mediaType: string): Index {
  const document = parseDocument(bytes, mediaType);
  if (document.$case !== "index") throw new OciError("oci_unsupported", "document: a manifest where an index belongs");
  return document.index;
}

/** The media type a manifest or index states itself, or undefined: for stores that keep bytes and no types. */
export function statedMediaType(bytes: Uint8Array): string | undefined {
  const object = asObject(decodeJson(bytes, "document"), "document");
  return optional(object, "mediaType", "document", asText).mediaType;
}

/** The `index.json` of an image layout folder, of at most `limit` bytes and `entries` images. */
export function parseLayoutIndex(bytes: Uint8Array, limit: number, entries: number): readonly Descriptor[] {
  const object = asObject(decodeJson(bytes, "index.json", limit), "index.json");
  checkSchema(object);
  return descriptors(object.manifests, "index.json.manifests", entries);
}

function historyEntry(value: unknown, path: string): HistoryEntry {
  const object = asObject(value, path);
  return {
    ...optional(object, "created", path, asText),
    ...optional(object, "created_by", path, asText),
    ...optional(object, "author", path, asText),
    ...optional(object, "comment", path, asText),
    ...(object.empty_layer === true ? { empty_layer: true } : {}),
  };
}

function diffId(value: unknown, path: string): Digest {
  if (!isDigest(value)) throw new OciError("oci_malformed", `${path}: expected sha256:<64 lower-case hex>`);
  return value;
}

function freeForm(value: unknown, path: string): { readonly [key: string]: JsonValue } {
  return asJson(asObject(value, path), path) as { readonly [key: string]: JsonValue };
}

/** Parses and checks an image config. Unknown members are dropped, the container config is kept as it is. */
export function parseConfig(bytes: Uint8Array): ImageConfig {
  const object = asObject(decodeJson(bytes, "config"), "config");
  const rootfs = asObject(object.rootfs, "rootfs");
  if (rootfs.type !== "layers") throw new OciError("oci_malformed", 'rootfs.type: expected "layers"');
  const diffIds = asArray(rootfs.diff_ids, "rootfs.diff_ids", OciLimits.layers);
  return {
    architecture: asName(object.architecture, "config.architecture"),
    os: asName(object.os, "config.os"),
    ...optional(object, "variant", "config", asText),
    ...optional(object, "created", "config", asText),
    ...optional(object, "author", "config", asText),
    ...optional(object, "history", "config", (value, path) =>
      asArray(value, path, OciLimits.history).map((item, i) => historyEntry(item, `${path}[${i}]`)),
    ),
    diffIds: diffIds.map((item, i) => diffId(item, `rootfs.diff_ids[${i}]`)),
    ...optional(object, "config", "config", freeForm),
  };
}
