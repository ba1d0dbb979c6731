/** Typed fields out of YAML nodes, with every fault gathered and worded as clients of the reference know it (factory.md 2.2). */
import { TalosError, type TalosErrorCode } from "./errors.ts";
import {
  duplicateKeys,
  mergedEntries,
  type YamlMapNode,
  type YamlNode,
  type YamlScalarNode,
  yamlError,
} from "./yaml-read.ts";
import { resolveBool } from "./yaml-scalar.ts";
import { binaryText } from "./yaml-value.ts";

/** Faults listed in one message. */
const MAX_FAULTS = 100;

interface Fault {
  readonly line: number;
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

  /** Throws `yaml_invalid` with all faults at once, in the order of their lines. */
  finish(): void {
    if (this.#faults.length === 0) return;
    const sorted = this.#faults.toSorted((a, b) => a.line - b.line).slice(0, MAX_FAULTS);
    throw yamlError(`construct errors: ${sorted.map(({ text }) => text).join("; ")}`);
  }

  fault(node: YamlNode, text: string): void {
    this.#faults.push({ line: node.line, text: `line ${node.line}: ${text}` });
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
    this.#faults.push(...duplicates);
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
      if (node && !isNull(node)) this.mismatch(node, type);
      return found;
    }
    if (this.duplicates(node)) return found;
    for (const [key, value] of mergedEntries(node)) {
      if (isNull(key)) continue;
      const name = key.$case === "scalar" ? names.find((known) => known === key.text) : undefined;
      if (name !== undefined) found[name] = value;
      else if (key.$case !== "scalar") this.mismatch(key, "string");
      else if (this.#strict) this.fault(key, `field ${key.text} not found in type ${type}`);
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

  /** The items of a list but for nulls, which vanish. */
  list(node: YamlNode | undefined, type: string): readonly YamlNode[] {
    if (node?.$case === "seq") return node.items.filter((item) => !isNull(item));
    if (node && !isNull(node)) this.mismatch(node, type);
    return [];
  }

  strings(node: YamlNode | undefined): readonly string[] {
    return this.list(node, "[]string").map((item) => this.string(item));
  }

  bool(node: YamlNode | undefined): boolean {
    if (!node || isNull(node)) return false;
    if (node.$case === "scalar") {
      if (node.value.$case === "bool") return node.value.value;
      // Only a plain word is one of the YAML 1.1 bools; a quoted or tagged one is a string.
      const word = node.plain ? resolveBool(node.text) : undefined;
      if (word !== undefined) return word;
    }
    this.mismatch(node, "bool");
    return false;
  }

  /** An integer from 0 to `max`, however spelled; floats without fraction count. */
  uint(node: YamlNode | undefined, type: string, max: bigint): bigint {
    if (!node || isNull(node)) return 0n;
    const value = node.$case === "scalar" ? integral(node) : undefined;
    if (value !== undefined && value >= 0n && value <= max) return value;
    this.mismatch(node, type);
    return 0n;
  }
}

/** True for a null in any spelling. */
export function isNull(node: YamlNode): boolean {
  return node.$case === "scalar" && node.value.$case === "null";
}

function integral({ value }: YamlScalarNode): bigint | undefined {
  if (value.$case === "int") return value.value;
  return value.$case === "float" && Number.isInteger(value.value) ? BigInt(value.value) : undefined;
}
