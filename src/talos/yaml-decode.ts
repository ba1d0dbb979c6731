/** Typed fields out of YAML nodes, with every fault gathered and worded as clients of the reference know it (factory.md 2.2). */
import { TalosError, type TalosErrorCode } from "./errors.ts";
import {
  duplicateKeys,
  isMerge,
  mergedEntries,
  type YamlMapNode,
  type YamlNode,
  type YamlScalarNode,
  yamlError,
} from "./yaml-node.ts";
import { oldBool } from "./yaml-scalar.ts";
import { binaryText, sortedMap, type YamlMap, type YamlValue, yamlValue } from "./yaml-value.ts";

/** Faults listed in one message. */
const MAX_FAULTS = 100;

interface Fault {
  /** Offset of the node the reference would stop at. */
  readonly at: number;
  readonly text: string;
}

/** Runs a decoder and gives what it refuses as `yaml_invalid` the code of the document it read. */
export function decodeAs<T>(code: TalosErrorCode, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof TalosError && cause.code === "yaml_invalid")
      throw new TalosError(code, cause.message, { cause });
    throw cause;
  }
}

/** Reads nodes into fields and gathers what is wrong; alive for one document. Null counts as absent everywhere. */
export class FieldDecoder {
  readonly #faults: Fault[] = [];
  readonly #strict: boolean;

  /** `strict`: unknown fields are faults. */
  constructor(strict: boolean) {
    this.#strict = strict;
  }

  /** Throws `yaml_invalid` with all faults at once, in the order of the text. */
  finish(): void {
    if (this.#faults.length === 0) return;
    const sorted = this.#faults.toSorted((a, b) => a.at - b.at).slice(0, MAX_FAULTS);
    throw yamlError(`construct errors: ${sorted.map(({ text }) => text).join("; ")}`);
  }

  fault(node: YamlNode, text: string): void {
    this.#faults.push({ at: node.at, text: `line ${node.line}: ${text}` });
  }

  /** Notes `cannot construct !!int `256` into uint8`; long values are cut. */
  mismatch(node: YamlNode, type: string): void {
    const shown = node.$case !== "scalar" ? "" : node.text.length > 10 ? `${node.text.slice(0, 7)}...` : node.text;
    const what = node.$case === "scalar" ? `${node.tag} \`${shown}\`` : `!!${node.$case}`;
    this.fault(node, `cannot construct ${what} into ${type}`);
  }

  /** True when keys stand twice, which is noted. */
  duplicates(node: YamlMapNode): boolean {
    const duplicates = duplicateKeys(node);
    // They are found before anything inside the mapping.
    this.#faults.push(...duplicates.map(({ key, text }) => ({ at: node.at, text: `line ${key.line}: ${text}` })));
    return duplicates.length > 0;
  }

  /** The fields of a mapping by name; `type` is what faults call it. */
  fields<K extends string>(
    node: YamlNode | undefined,
    type: string,
    names: readonly K[],
  ): { readonly [name in K]?: YamlNode } {
    const found: { [name in K]?: YamlNode } = {};
    if (node?.$case !== "map") {
      if (node && !isAbsent(node)) this.mismatch(node, type);
      return found;
    }
    if (this.duplicates(node)) return found;
    for (const [key, value] of mergedEntries(node)) {
      if (isNull(key)) continue;
      const text = key.$case === "scalar" ? this.string(key) : undefined;
      const name = names.find((known) => known === text);
      if (name !== undefined) found[name] = value;
      else if (key.$case !== "scalar") this.mismatch(key, "string");
      else if (this.#strict) this.fault(key, `field ${text} not found in type ${type}`);
    }
    return found;
  }

  /** The source text of any scalar. */
  string(node: YamlNode | undefined): string {
    if (!node || isNull(node)) return "";
    if (node.$case !== "scalar") {
      this.mismatch(node, "string");
      return "";
    }
    if (node.tag !== "!!binary") return node.text;
    const text = binaryText(node);
    if (text === undefined) this.fault(node, "!!binary value is not UTF-8 text");
    return text ?? "";
  }

  /** The items of a list but for absent ones, which vanish. */
  list(node: YamlNode | undefined, type: string): readonly YamlNode[] {
    return this.#items(node, type).filter((item) => !isAbsent(item));
  }

  strings(node: YamlNode | undefined): readonly string[] {
    const items = this.#items(node, "[]string").filter((item) => !isNull(item));
    return items.map((item) => this.string(item));
  }

  #items(node: YamlNode | undefined, type: string): readonly YamlNode[] {
    if (node?.$case === "seq") return node.items;
    if (node && !isAbsent(node)) this.mismatch(node, type);
    return [];
  }

  bool(node: YamlNode | undefined): boolean {
    if (!node || isAbsent(node)) return false;
    if (node.$case === "scalar") {
      if (node.value.$case === "bool") return node.value.value;
      // The words of YAML 1.1 are strings that also count as bools, quoted or not; "true" in quotes is none of them.
      const word = node.tag === "!!str" ? oldBool(node.text) : undefined;
      if (word !== undefined) return word;
    }
    this.mismatch(node, "bool");
    return false;
  }

  /** An integer from `min` to `max`, however spelled; floats without fraction count. */
  integer(node: YamlNode | undefined, type: string, min: bigint, max: bigint): bigint {
    if (!node || isAbsent(node)) return 0n;
    const value = node.$case === "scalar" ? integral(node) : undefined;
    if (value !== undefined && value >= min && value <= max) return value;
    this.mismatch(node, type);
    return 0n;
  }

  uint(node: YamlNode | undefined, type: string, max: bigint): bigint {
    return this.integer(node, type, 0n, max);
  }

  /** One of `names` in any case, the first of them when absent; `type` with its package, as in `profile.OutputKind`. */
  enumeration<T extends string>(node: YamlNode | undefined, type: string, names: readonly T[]): T {
    const zero = names[0]!;
    if (!node || isNull(node)) return zero;
    if (node.$case !== "scalar") {
      this.mismatch(node, `${type} (TextUnmarshaler)`);
      return zero;
    }
    const text = this.string(node);
    const found = names.find((name) => name === text.toLowerCase());
    if (found === undefined) this.fault(node, `${text} does not belong to ${type.split(".").at(-1)} values`);
    return found ?? zero;
  }

  /** A mapping of free values; its keys become strings, those that are null vanish. */
  options(node: YamlNode | undefined): YamlMap {
    const byKey = new Map<string, YamlValue>();
    if (node?.$case !== "map") {
      if (node && !isAbsent(node)) this.mismatch(node, "map[string]interface {}");
    } else if (!this.duplicates(node)) {
      for (const [key, value] of mergedEntries(node)) {
        if (!isNull(key) && !isMerge(value)) byKey.set(this.string(key), yamlValue(value));
      }
    }
    return sortedMap(Array.from(byKey, ([value, option]) => [{ $case: "string", value }, option]));
  }
}

/** True for a null in any spelling. */
export function isNull(node: YamlNode): boolean {
  return node.$case === "scalar" && node.value.$case === "null";
}

/** True for what leaves a field that is no text as it is: null, and a merge key where none can stand. */
function isAbsent(node: YamlNode): boolean {
  return isNull(node) || isMerge(node);
}

function integral({ value }: YamlScalarNode): bigint | undefined {
  if (value.$case === "int") return value.value;
  return value.$case === "float" && Number.isInteger(value.value) ? BigInt(value.value) : undefined;
}
