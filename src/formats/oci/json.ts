import { isDigest } from "../../bytes/digest.ts";
import { type Annotations, type Descriptor, type JsonValue, OciError, OciLimits, type Platform } from "./model.ts";

/** A JSON object whose members are still unchecked. */
export type RawObject = Readonly<Record<string, unknown>>;

function malformed(path: string, reason: string, cause?: unknown): OciError {
  return new OciError("oci_malformed", `${path}: ${reason}`, { cause });
}

/** Decodes one JSON document of at most `limit` bytes, UTF-8 checked. `name` opens error messages. */
export function decodeJson(bytes: Uint8Array, name: string, limit: number = OciLimits.documentBytes): unknown {
  if (bytes.length > limit) {
    throw new OciError("oci_too_large", `${name}: ${bytes.length} bytes, at most ${limit} are read`);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed(name, "not a JSON document", cause);
  }
}

export function asObject(value: unknown, path: string): RawObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(path, "expected an object");
  return value as RawObject;
}

export function asArray(value: unknown, path: string, limit: number): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(path, "expected a list");
  if (value.length > limit) {
    throw new OciError("oci_too_large", `${path}: ${value.length} entries, at most ${limit} are read`);
  }
  return value;
}

export function asText(value: unknown, path: string): string {
  if (typeof value !== "string") throw malformed(path, "expected a string");
  if (value.length > OciLimits.textLength) {
    throw new OciError(
      "oci_too_large",
      `${path}: ${value.length} characters, at most ${OciLimits.textLength} are read`,
    );
  }
  return value;
}

/** A string that must not be empty, such as a media type. */
export function asName(value: unknown, path: string): string {
  const text = asText(value, path);
  if (text === "") throw malformed(path, "is empty");
  return text;
}

/** The member when it is there: `{ [key]: parsed }`, else `{}`; JSON null counts as absent, as in the reference. */
export function optional<K extends string, T>(
  object: RawObject,
  key: K,
  path: string,
  parse: (value: unknown, path: string) => T,
): { [P in K]?: T } {
  const value = object[key];
  if (value === undefined || value === null) return {};
  return { [key]: parse(value, `${path}.${key}`) } as { [P in K]?: T };
}

export function asAnnotations(value: unknown, path: string): Annotations {
  const entries = Object.entries(asObject(value, path));
  if (entries.length > OciLimits.annotations) {
    throw new OciError(
      "oci_too_large",
      `${path}: ${entries.length} entries, at most ${OciLimits.annotations} are read`,
    );
  }
  return Object.fromEntries(entries.map(([key, text]) => [key, asText(text, `${path}.${key.slice(0, 80)}`)]));
}

function asPlatform(value: unknown, path: string): Platform {
  const object = asObject(value, path);
  return {
    os: asName(object.os, `${path}.os`),
    architecture: asName(object.architecture, `${path}.architecture`),
    ...optional(object, "variant", path, asText),
  };
}

/** One descriptor; only sha256 digests and sizes that are safe integers pass. */
export function asDescriptor(value: unknown, path: string): Descriptor {
  const object = asObject(value, path);
  const { digest, size } = object;
  if (!isDigest(digest)) throw malformed(`${path}.digest`, "expected sha256:<64 lower-case hex>");
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw malformed(`${path}.size`, "expected a size in bytes");
  }
  return {
    mediaType: asName(object.mediaType, `${path}.mediaType`),
    digest,
    size,
    ...optional(object, "artifactType", path, asText),
    ...optional(object, "platform", path, asPlatform),
    ...optional(object, "annotations", path, asAnnotations),
  };
}

/** Free-form JSON with bounded nesting. */
export function asJson(value: unknown, path: string, depth: number = OciLimits.configDepth): JsonValue {
  if (depth < 0) throw new OciError("oci_too_large", `${path}: nested too deeply`);
  if (Array.isArray(value)) return value.map((item, i) => asJson(item, `${path}[${i}]`, depth - 1));
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([key, item]) => [key, asJson(item, `${path}.${key}`, depth - 1)]));
  }
  return value as JsonValue;
}
