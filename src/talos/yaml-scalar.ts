/**
 * What a plain YAML scalar means, by the rules of the library whose output schematic ids are digests of (factory.md 2.2, 2.3).
 * One function serves both ways: reading asks what a text is, emission asks whether a string must be quoted.
 */

/** A resolved scalar. Timestamps keep their value in RFC 3339 with trailing zeros of the fraction cut. */
export type YamlScalar =
  | { readonly $case: "null" }
  | { readonly $case: "bool"; readonly value: boolean }
  | { readonly $case: "int"; readonly value: bigint }
  | { readonly $case: "float"; readonly value: number }
  | { readonly $case: "timestamp"; readonly value: string }
  | { readonly $case: "merge" }
  | { readonly $case: "string"; readonly value: string };

const NULLS = new Set(["", "~", "null", "Null", "NULL"]);
const TRUE = new Set(["true", "True", "TRUE"]);
const FALSE = new Set(["false", "False", "FALSE"]);
/** YAML 1.1 words: strings unless a bool is wanted, but never written without quotes. */
const OLD_TRUE = new Set(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"]);
const OLD_FALSE = new Set(["n", "N", "no", "No", "NO", "off", "Off", "OFF"]);
const INFINITIES = /^([-+]?)\.(?:inf|Inf|INF)$/;
const NAN = /^\.(?:nan|NaN|NAN)$/;
/** After removal of `_`. */
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const INT = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;
const TIMESTAMP =
  /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?(Z|[-+][0-9]{2}:[0-9]{2}))|(?: +([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?))?$/;

/** No 64-bit number is spelled longer, and conversion of long ones is slow. */
const MAX_INT_LENGTH = 128;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

/** The meaning of an untagged plain scalar. */
export function resolveScalar(text: string): YamlScalar {
  if (NULLS.has(text)) return { $case: "null" };
  if (TRUE.has(text)) return { $case: "bool", value: true };
  if (FALSE.has(text)) return { $case: "bool", value: false };
  if (text === "<<") return { $case: "merge" };
  if (NAN.test(text)) return { $case: "float", value: Number.NaN };
  const infinity = INFINITIES.exec(text);
  if (infinity) return { $case: "float", value: infinity[1] === "-" ? -Infinity : Infinity };
  if (/^[-+.0-9]/.test(text)) return parseTimestamp(text) ?? parseNumber(text) ?? { $case: "string", value: text };
  return { $case: "string", value: text };
}

/** The bool a word of YAML 1.1 stands for where one is wanted. */
export function oldBool(text: string): boolean | undefined {
  if (OLD_TRUE.has(text)) return true;
  return OLD_FALSE.has(text) ? false : undefined;
}

/** True when some reader would take the plain text for something else than this string. */
export function looksTyped(text: string): boolean {
  return resolveScalar(text).$case !== "string" || oldBool(text) !== undefined || BASE_60.test(text);
}

function parseNumber(text: string): YamlScalar | undefined {
  // Underscores may stand anywhere, but behind a leading dot only between digits.
  if (text.startsWith(".") && /_(?![0-9])|[^0-9]_/.test(text)) return undefined;
  const plain = text.replaceAll("_", "");
  const match = plain.length <= MAX_INT_LENGTH ? INT.exec(plain) : null;
  if (match && text !== "-0") {
    const [, sign, hex, binary, octal, decimal] = match;
    const size = BigInt(hex ? `0x${hex}` : binary ? `0b${binary}` : octal ? `0o${octal}` : decimal!);
    const value = sign === "-" ? -size : size;
    if (value >= MIN_INT64 && value <= MAX_UINT64) return { $case: "int", value };
  }
  if (!FLOAT.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? { $case: "float", value } : undefined;
}

function parseTimestamp(text: string): YamlScalar | undefined {
  const match = TIMESTAMP.exec(text);
  if (!match) return undefined;
  const [, year, month, day, h, m, s, f, zone, h2, m2, s2, f2] = match;
  const [hour = 0, minute = 0, second = 0] = [h ?? h2, m ?? m2, s ?? s2].map((part) => Number(part ?? 0));
  if (hour > 23 || minute > 59 || second > 59 || !isDay(Number(year), Number(month), Number(day))) return undefined;
  const offset = zoneText(zone ?? "Z");
  if (offset === undefined) return undefined;
  const fraction = (f ?? f2 ?? "").slice(0, 9).replace(/0+$/, "");
  const time = `${two(hour)}:${two(minute)}:${two(second)}${fraction && `.${fraction}`}`;
  return { $case: "timestamp", value: `${year}-${two(month)}-${two(day)}T${time}${offset}` };
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}

function two(part: number | string | undefined): string {
  return String(part).padStart(2, "0");
}

/** An offset from UTC as RFC 3339 has it. */
function zoneText(zone: string): string | undefined {
  if (zone === "Z") return zone;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(4))];
  // Both limits count as valid, as some people write them.
  if (hours > 24 || minutes > 60) return undefined;
  const offset = hours * 60 + minutes;
  return offset === 0 ? "Z" : `${zone[0]}${two(Math.floor(offset / 60))}:${two(offset % 60)}`;
}
