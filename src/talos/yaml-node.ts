/** The tree YAML text becomes, and what holds for its mappings whoever decodes them: duplicate keys, merge keys. */
import { TalosError } from "./errors.ts";
import type { YamlScalar } from "./yaml-scalar.ts";

interface Place {
  readonly line: number;
  /** Offset in the text, for the order of faults. */
  readonly at: number;
}

/**
 * Aliases are resolved: one node may hang in several places, never below itself. `tag` is in its short form, `!!str`; a scalar
 * without one has the tag of its value. Tags of collections mean nothing.
 */
export type YamlNode =
  | (Place & { readonly $case: "scalar"; readonly text: string; readonly tag: string; readonly value: YamlScalar })
  | (Place & { readonly $case: "seq"; readonly items: readonly YamlNode[] })
  | (Place & { readonly $case: "map"; readonly entries: readonly YamlEntry[] });

export type YamlMapNode = Extract<YamlNode, { $case: "map" }>;
export type YamlScalarNode = Extract<YamlNode, { $case: "scalar" }>;
export type YamlEntry = readonly [key: YamlNode, value: YamlNode];

/** A refusal in the form clients know: `yaml: `, the line if there is one, and the reason. */
export function yamlError(reason: string, line?: number, cause?: unknown): TalosError {
  return new TalosError("yaml_invalid", `yaml: ${line === undefined ? "" : `line ${line}: `}${reason}`, { cause });
}

/** True for a scalar that is a merge key or would be one: `<<` without quotes, or tagged `!!merge`. */
export function isMerge(node: YamlNode): boolean {
  return node.$case === "scalar" && node.value.$case === "merge";
}

function keyText(key: YamlNode): string {
  return key.$case === "scalar" ? key.text : `(${key.$case})`;
}

/**
 * Everything below a mapping once its merge key is followed: own entries win, then earlier sources. Throws `yaml_invalid` when
 * something else than mappings is merged.
 */
export function mergedEntries(map: YamlMapNode): readonly YamlEntry[] {
  const own = map.entries.filter(([key]) => !isMerge(key));
  if (own.length === map.entries.length) return own;
  const seen = new Set(own.map(([key]) => keyText(key)));
  const added: YamlEntry[] = [];
  for (const source of mergeSources(map)) {
    // Keys of one source do not hide each other.
    const fresh = mergedEntries(source).filter(([key]) => !seen.has(keyText(key)));
    for (const [key] of fresh) seen.add(keyText(key));
    added.push(...fresh);
  }
  return [...added, ...own];
}

function mergeSources(map: YamlMapNode): readonly YamlMapNode[] {
  const value = map.entries.findLast(([key]) => isMerge(key))?.[1];
  if (!value) return [];
  return (value.$case === "seq" ? value.items : [value]).map((source) => {
    if (source.$case === "map") return source;
    throw yamlError("map merge requires map or sequence of maps as the value", source.line);
  });
}

/** Duplicates listed for one mapping; each further one would name all earlier ones. */
const MAX_REPORTED = 100;

/** Keys that stand twice in a mapping or in what is merged into it, as `mapping key "a" already defined at line 1`. */
export function duplicateKeys(map: YamlMapNode): readonly { readonly key: YamlNode; readonly text: string }[] {
  const byName = Map.groupBy(map.entries, ([key]) => keyText(key));
  const found: { key: YamlNode; text: string }[] = [];
  for (const [name, entries] of byName) {
    for (const [i, [earlier]] of entries.entries()) {
      for (const [key] of entries.slice(i + 1, i + 1 + MAX_REPORTED - found.length)) {
        found.push({ key, text: `mapping key ${JSON.stringify(name)} already defined at line ${earlier.line}` });
      }
      if (found.length >= MAX_REPORTED) return found;
    }
  }
  return found.length > 0 ? found : mergeSources(map).flatMap(duplicateKeys);
}
