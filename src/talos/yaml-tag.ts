/** What scalars mean by their tag, or by their text without one (factory.md 2.2, 2.4). */
import { type YamlNode, yamlError } from "./yaml-node.ts";
import { resolveScalar, type YamlScalar } from "./yaml-scalar.ts";
import type { Token } from "./yaml-token.ts";

/** What `!!` stands for. */
export const CORE_TAG = "tag:yaml.org,2002:";

const TAGS: Readonly<Record<YamlScalar["$case"], string>> = {
  null: "!!null",
  bool: "!!bool",
  int: "!!int",
  float: "!!float",
  timestamp: "!!timestamp",
  merge: "!!merge",
  string: "!!str",
};

/** A tag of the core schema must fit the text, quoted or not; any other makes it a string. */
export function scalarNode(text: string, plain: boolean, tag: string | undefined, { at, line }: Token): YamlNode {
  // A lone `!` leaves quoted text what it is.
  const explicit = tag === "!" && !plain ? undefined : tag;
  const value = scalarValue(text, plain, explicit);
  return { $case: "scalar", line, at, text, tag: explicit ?? TAGS[value.$case], value };
}

function scalarValue(text: string, plain: boolean, tag: string | undefined): YamlScalar {
  const string: YamlScalar = { $case: "string", value: text };
  if (tag === undefined) return plain ? resolveScalar(text) : string;
  if (tag === TAGS.merge) return { $case: "merge" };
  const wanted = Object.entries(TAGS).find(([, name]) => name === tag)?.[0];
  if (wanted === undefined || wanted === "string") return string;
  const value = resolveScalar(text);
  if (wanted === "float" && value.$case === "int") return { $case: "float", value: Number(value.value) };
  if (value.$case !== wanted) throw yamlError(`cannot construct ${TAGS[value.$case]} \`${text}\` as a ${tag}`);
  return value;
}
