/** Values of free shape (overlay options) and their order in canonical YAML (factory.md 2.4). */
import {
  duplicateKeys,
  isMerge,
  mergedEntries,
  type YamlMapNode,
  type YamlNode,
  type YamlScalarNode,
  yamlError,
} from "./yaml-node.ts";
import type { YamlScalar } from "./yaml-scalar.ts";

/** A decoded value. `binary` holds base64 of bytes that are no UTF-8 text. Maps are in canonical order, keys unique. */
export type YamlValue =
  | Exclude<YamlScalar, { $case: "merge" }>
  | { readonly $case: "binary"; readonly base64: string }
  | { readonly $case: "seq"; readonly items: readonly YamlValue[] }
  | YamlMap;

export interface YamlMap {
  readonly $case: "map";
  readonly entries: readonly (readonly [key: YamlValue, value: YamlValue])[];
}

/** Shorthands for building values in code; `map` keeps the order given. */
export const yaml = {
  string: (value: string): YamlValue => ({ $case: "string", value }),
  int: (value: number | bigint): YamlValue => ({ $case: "int", value: BigInt(value) }),
  bool: (value: boolean): YamlValue => ({ $case: "bool", value }),
  seq: (items: readonly YamlValue[]): YamlValue => ({ $case: "seq", items }),
  map: (entries: readonly (readonly [string, YamlValue])[]): YamlMap => ({
    $case: "map",
    entries: entries.map(([key, value]) => [yaml.string(key), value]),
  }),
};

/** The text a `!!binary` scalar stands for, undefined when it is no UTF-8. Throws `yaml_invalid` on bad base64. */
export function binaryText(node: YamlScalarNode): string | undefined {
  const base64 = node.text.replaceAll("\n", "");
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) {
    throw yamlError("!!binary value contains invalid base64 data", node.line);
  }
  const bytes = Buffer.from(base64, "base64");
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

/** A node as a value. Throws `yaml_invalid` for duplicate keys and collections as keys. */
export function yamlValue(node: YamlNode): YamlValue {
  switch (node.$case) {
    case "seq":
      return { $case: "seq", items: node.items.filter((item) => !isMerge(item)).map(yamlValue) };
    case "map":
      return mapValue(node);
    case "scalar": {
      if (node.tag === "!!binary") {
        const value = binaryText(node);
        return value === undefined
          ? { $case: "binary", base64: Buffer.from(node.text, "base64").toString("base64") }
          : { $case: "string", value };
      }
      return node.value.$case === "merge" ? { $case: "string", value: node.text } : node.value;
    }
  }
}

function mapValue(node: YamlMapNode): YamlMap {
  const duplicates = duplicateKeys(node);
  if (duplicates.length > 0)
    throw yamlError(`construct errors: ${duplicates.map(({ key, text }) => `line ${key.line}: ${text}`).join("; ")}`);
  // Where all keys are strings, merged ones become strings as well.
  const named = node.entries.every(([key]) => isMerge(key) || (key.$case === "scalar" && key.tag === "!!str"));
  const byKey = new Map<string, readonly [YamlValue, YamlValue]>();
  for (const [keyNode, valueNode] of mergedEntries(node)) {
    if (keyNode.$case !== "scalar") throw yamlError(`cannot use a ${keyNode.$case} as a map key`, keyNode.line);
    const { tag, text, value } = keyNode;
    if (isMerge(valueNode) || (named && value.$case === "null")) continue;
    const key = named && tag !== "!!binary" ? yaml.string(text) : yamlValue(keyNode);
    byKey.set(keyIdentity(key), [key, yamlValue(valueNode)]);
  }
  return sortedMap([...byKey.values()]);
}

function keyIdentity(key: YamlValue): string {
  return "value" in key ? `${key.$case} ${key.value}` : key.$case === "binary" ? `binary ${key.base64}` : key.$case;
}

/** A map in canonical order. */
export function sortedMap(entries: YamlMap["entries"]): YamlMap {
  return { $case: "map", entries: [...entries].sort(([a], [b]) => compareKeys(a, b)) };
}

/** Kinds in canonical order; those of rank 0 to 2 are compared as numbers first. */
const RANKS: readonly YamlValue["$case"][] = ["bool", "int", "float", "null", "seq", "map", "string", "timestamp"];

function compareKeys(a: YamlValue, b: YamlValue): number {
  const left = numberOf(a);
  const right = numberOf(b);
  if (left !== undefined && right !== undefined && left !== right) return left < right ? -1 : 1;
  if (a.$case === "int" && b.$case === "int") return a.value < b.value ? -1 : 1;
  const [one, other] = [stringOf(a), stringOf(b)];
  if (one !== undefined && other !== undefined) return compareNatural(one, other);
  return rank(a) - rank(b);
}

function rank({ $case }: YamlValue): number {
  return RANKS.indexOf($case === "binary" ? "string" : $case);
}

function numberOf(value: YamlValue): number | undefined {
  switch (value.$case) {
    case "bool":
    case "int":
    case "float":
      return Number(value.value);
    default:
      return undefined;
  }
}

function stringOf(value: YamlValue): string | undefined {
  if (value.$case === "binary") return Buffer.from(value.base64, "base64").toString();
  return value.$case === "string" ? value.value : undefined;
}

const LETTER = /^\p{L}$/u;
const DIGIT = /^\p{Nd}$/u;

/**
 * The natural order of string keys: numbers inside compare by value. It is decided at the first rune that differs:
 * two letters by code point; a letter against anything else comes last, but first right after a digit; digit runs by
 * value, then by length, then by code point. A text that ends first comes first.
 */
function compareNatural(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  if (at === left.length || at === right.length) return left.length - right.length;
  const [x, y] = [left[at]!, right[at]!];
  const [letterX, letterY] = [LETTER.test(x), LETTER.test(y)];
  if (letterX && letterY) return compareRunes(x, y);
  if (letterX || letterY) {
    const afterDigit = at > 0 && DIGIT.test(left[at - 1]!);
    return letterX === afterDigit ? -1 : 1;
  }
  return compareDigitRuns(left, right, at) || compareRunes(x, y);
}

function compareRunes(x: string, y: string): number {
  return x.codePointAt(0)! - y.codePointAt(0)!;
}

function compareDigitRuns(left: readonly string[], right: readonly string[], at: number): number {
  // A zero only leads a number when nothing but zeros stands before it: a2 < a02, but a10 > a1.
  const lead = (left[at] === "0" || right[at] === "0") && insideNumber(left, at) ? "1" : "";
  const run = (runes: readonly string[]): string => {
    let end = at;
    while (end < runes.length && DIGIT.test(runes[end]!)) end++;
    return runes.slice(at, end).join("");
  };
  const [x, y] = [run(left), run(right)];
  const [valueX, valueY] = [runValue(lead + x), runValue(lead + y)];
  return valueX === valueY ? x.length - y.length : valueX < valueY ? -1 : 1;
}

function insideNumber(runes: readonly string[], at: number): boolean {
  for (let i = at - 1; i >= 0 && DIGIT.test(runes[i]!); i--) if (runes[i] !== "0") return true;
  return false;
}

/** Digits of other scripts count by their distance from "0", and sums wrap at 64 bits, as odd as that is. */
function runValue(run: string): bigint {
  let sum = 0n;
  for (const rune of run) sum = BigInt.asIntN(64, sum * 10n + BigInt(rune.codePointAt(0)! - 48));
  return sum;
}
