/** META values as text: on the kernel command line and as flags (imager.md 2.2, outputs.md 2.11). */
import { gunzipSync, gzipSync } from "node:zlib";
import { utf8 } from "../bytes/text.ts";
import { messageOf } from "../errors.ts";
import { TalosError } from "./errors.ts";
import type { Quirks } from "./quirks.ts";

/** One META value; `key` is the tag, 0 to 255. */
export interface MetaValue {
  readonly key: number;
  readonly value: string;
}

/** Well-known tags (outputs.md 2.11); the rest of the byte is free. */
export const META_TAGS = {
  upgrade: 6,
  stagedImage: 7,
  stagedOptions: 8,
  stateEncryption: 9,
  metalNetworkConfig: 10,
  downloadCode: 11,
  uuidOverride: 15,
  machineToken: 16,
  diskImageBootloader: 17,
} as const;

/** Longer texts are compressed where the release can read that. */
const GZIP_ABOVE_BYTES = 256;
/** A kernel command line holds 4 KiB at most, so a decoded list beyond this is an attack. */
const MAX_DECODED_BYTES = 1024 * 1024;
/** RFC 1952: "unknown" operating system, which keeps the bytes the same on every host. */
const GZIP_OS = { offset: 9, unknown: 255 };

/** `0x<hex key>=<value>`. */
export function renderMeta({ key, value }: MetaValue): string {
  return `0x${key.toString(16)}=${value}`;
}

/** Decimal, 0x, 0b, 0o or leading-zero octal digits, underscores between digits (or after the prefix) allowed. */
const KEY_FORMS: readonly (readonly [RegExp, number])[] = [
  [/^0[xX]((?:_?[0-9a-fA-F])+)$/, 16],
  [/^0[bB]((?:_?[01])+)$/, 2],
  [/^0[oO]?((?:_?[0-7])+)$/, 8],
  [/^(0|[1-9](?:_?[0-9])*)$/, 10],
];

/** Reads `K=V`. Throws `meta_invalid` without `=` or when K is no number from 0 to 255. */
export function parseMeta(text: string): MetaValue {
  const split = text.indexOf("=");
  if (split < 0) throw new TalosError("meta_invalid", `meta value: no "=" in "${text.slice(0, 60)}"`);
  const key = text.slice(0, split);
  for (const [form, radix] of KEY_FORMS) {
    const digits = form.exec(key)?.[1];
    const number = digits === undefined ? Number.NaN : Number.parseInt(digits.replaceAll("_", ""), radix);
    if (number <= 255) return { key: number, value: text.slice(split + 1) };
  }
  throw new TalosError("meta_invalid", `meta value: key "${key.slice(0, 60)}" is not a number from 0 to 255`);
}

/** META values as the `INSTALLER_META_BASE64` variable of a kernel command line holds them. */
export function encodeMeta(values: readonly MetaValue[], quirks: Quirks): string {
  const plain = utf8(values.map(renderMeta).join(";"));
  const packed = quirks.supportsCompressedEncodedMeta && plain.length > GZIP_ABOVE_BYTES ? gzip(plain) : plain;
  return Buffer.from(packed).toString("base64");
}

function gzip(bytes: Uint8Array): Uint8Array {
  const packed = gzipSync(bytes, { level: 9 });
  packed[GZIP_OS.offset] = GZIP_OS.unknown;
  return packed;
}

/** The values `encodeMeta` packed. Throws `meta_invalid`. */
export function decodeMeta(base64: string): readonly MetaValue[] {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length === 0) return [];
  const zipped = bytes.length >= 10 && bytes[0] === 0x1f && bytes[1] === 0x8b;
  return (zipped ? gunzip(bytes) : bytes).toString("utf8").split(";").map(parseMeta);
}

function gunzip(bytes: Uint8Array): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_DECODED_BYTES });
  } catch (cause) {
    throw new TalosError("meta_invalid", `meta values: ${messageOf(cause)}`, { cause });
  }
}
