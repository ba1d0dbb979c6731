/**
 * YAML text to a tree of nodes with line numbers (factory.md 2.2). Syntax is the `yaml` package's work; tags, anchors, merge
 * keys and limits are decided here, because ids depend on them. Only the first document is read, what follows is ignored.
 */
import {
  Composer,
  type CST,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type ParsedNode,
  Parser,
  type Scalar,
  type YAMLParseError,
} from "yaml";
import { TalosError } from "./errors.ts";
import { resolveScalar, type YamlScalar } from "./yaml-scalar.ts";

/** Deepest nesting of flow and block collections together. */
const MAX_DEPTH = 100;
/** Nodes a collection may stand for once all aliases are replaced. */
const MAX_EXPANDED_NODES = 100_000;

/** Aliases are resolved: one node may hang in several places, never below itself. `tag` is in its short form, `!!str`. */
export type YamlNode =
  | {
      readonly $case: "scalar";
      readonly line: number;
      readonly text: string;
      readonly tag: string;
      readonly plain: boolean;
      readonly value: YamlScalar;
    }
  | { readonly $case: "seq"; readonly line: number; readonly items: readonly YamlNode[] }
  | { readonly $case: "map"; readonly line: number; readonly entries: readonly YamlEntry[] };

export type YamlMapNode = Extract<YamlNode, { $case: "map" }>;
export type YamlScalarNode = Extract<YamlNode, { $case: "scalar" }>;
export type YamlEntry = readonly [key: YamlNode, value: YamlNode];

/** A refusal in the form clients know: `yaml: ` and the reason. */
export function yamlError(reason: string, cause?: unknown): TalosError {
  return new TalosError("yaml_invalid", `yaml: ${reason}`, { cause });
}

/**
 * The first document of a text, undefined when there is none. The caller bounds the size of the text.
 * Throws `yaml_invalid` for broken syntax, unknown anchors, too deep nesting, too much aliasing.
 */
export function readYaml(input: Uint8Array | string): YamlNode | undefined {
  const text = decodeText(input);
  const lines = new LineCounter();
  const document = firstDocument(text, lines);
  if (!document) return undefined;
  return new Reader(lines).read(document);
}

/** BOM decides the encoding, all line ends become one, control characters are refused. */
function decodeText(input: Uint8Array | string): string {
  const text = typeof input === "string" ? input.replace(/^\ufeff/, "") : decodeBytes(input);
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/.exec(text);
  if (control) throw yamlError(`control characters are not allowed (value: ${control[0].charCodeAt(0)})`);
  // CR, NEL, LS and PS end lines too. The last two stay as they are, but what indents the line behind them is no content.
  return text.replace(/\r\n?|\u0085/g, "\n").replace(/([\u2028\u2029]) +/g, "$1");
}

function decodeBytes(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw yamlError(`invalid ${encoding.toUpperCase()} text`, cause);
  }
}

/** Tokens up to the end of the first document; the parser never sees what follows. */
function* tokens(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      yield token;
      if (token.type === "document") return;
    }
    if (parser.stack.length > MAX_DEPTH) throw yamlError(`exceeded max depth of ${MAX_DEPTH}`);
  }
  yield* parser.end();
}

function firstDocument(text: string, lines: LineCounter): ParsedNode | undefined {
  const composer = new Composer({
    schema: "failsafe",
    resolveKnownTags: false,
    uniqueKeys: false,
    prettyErrors: false,
    keepSourceTokens: true,
  });
  for (const { directives, warnings, errors, contents } of composer.compose(tokens(text, lines))) {
    const directive = warnings.find((warning) => warning.code === "BAD_DIRECTIVE");
    if (directive) throw yamlError("line 1: found unknown directive name", directive);
    if (directives.yaml.explicit && directives.yaml.version !== "1.1") {
      throw yamlError("line 1: found incompatible YAML document");
    }
    const error = errors[0];
    if (error) throw yamlError(`line ${lineOf(lines, error.pos[0])}: ${describe(error)}`, error);
    return contents ?? undefined;
  }
  const { errors } = composer.streamInfo();
  if (errors[0]) throw yamlError(`line ${lineOf(lines, errors[0].pos[0])}: ${describe(errors[0])}`, errors[0]);
  return undefined;
}

function lineOf(lines: LineCounter, offset: number): number {
  return Math.max(1, lines.linePos(offset).line);
}

/** The package's sentence as the tail of ours. */
function describe(error: YAMLParseError): string {
  const [first = ""] = error.message.split("\n");
  return first.charAt(0).toLowerCase() + first.slice(1);
}

const CORE_TAG = "tag:yaml.org,2002:";

function shortTag(tag: string | undefined): string | undefined {
  return tag?.startsWith(CORE_TAG) ? `!!${tag.slice(CORE_TAG.length)}` : tag;
}

/** Turns parsed nodes into ours; alive for one document. */
class Reader {
  readonly #lines: LineCounter;
  /** Undefined while the anchored node is still being read. */
  readonly #anchors = new Map<string, YamlNode | undefined>();
  /** What each collection stands for with all aliases replaced. */
  readonly #extents = new Map<YamlNode, { readonly nodes: number; readonly depth: number }>();

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  read(node: ParsedNode | null): YamlNode {
    if (node === null)
      return { $case: "scalar", line: 0, text: "", tag: "!!null", plain: true, value: { $case: "null" } };
    const line = lineOf(this.#lines, node.range[0]);
    if (isAlias(node)) return this.#alias(node.source, line);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, undefined);
    const own = this.#own(node, line);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, own);
    return own;
  }

  #alias(name: string, line: number): YamlNode {
    if (!this.#anchors.has(name)) throw yamlError(`line ${line}: unknown anchor '${name}' referenced`);
    const target = this.#anchors.get(name);
    if (!target) throw yamlError(`line ${line}: anchor '${name}' value contains itself`);
    return target;
  }

  #own(node: ParsedNode, line: number): YamlNode {
    if (isMap(node)) {
      const entries = node.items.map((pair): YamlEntry => [this.read(pair.key), this.read(pair.value)]);
      return this.#weighed({ $case: "map", line, entries }, entries.flat(), line);
    }
    if (isSeq(node)) {
      const items = node.items.map((item) => this.read(item as ParsedNode));
      return this.#weighed({ $case: "seq", line, items }, items, line);
    }
    if (isScalar(node)) refuseSurrogates(node, line);
    if (isScalar(node)) return scalar(String(node.source ?? ""), node.type === "PLAIN", shortTag(node.tag), line);
    throw yamlError(`line ${line}: unexpected kind of node`);
  }

  /** Adds up what a collection stands for with all aliases replaced, so that a small text cannot mean a huge tree. */
  #weighed(node: YamlNode, children: readonly YamlNode[], line: number): YamlNode {
    let nodes = 1;
    let depth = 0;
    for (const child of children) {
      const extent = this.#extents.get(child);
      nodes += extent?.nodes ?? 1;
      depth = Math.max(depth, extent?.depth ?? 0);
    }
    if (nodes > MAX_EXPANDED_NODES) throw yamlError(`line ${line}: document contains excessive aliasing`);
    if (depth >= MAX_DEPTH) throw yamlError(`line ${line}: exceeded max depth of ${MAX_DEPTH}`);
    this.#extents.set(node, { nodes, depth: depth + 1 });
    return node;
  }
}

function scalar(text: string, unquoted: boolean, tag: string | undefined, line: number): YamlNode {
  const value = scalarValue(text, unquoted, tag);
  const known = tag === "!!binary" ? tag : TAGS[value.$case];
  return { $case: "scalar", line, text, tag: known, plain: unquoted && tag === undefined, value };
}

/** JSON's two-escape spelling of a rune is none in YAML; the package would join the halves. */
function refuseSurrogates(node: Scalar.Parsed, line: number): void {
  const source = node.type === "QUOTE_DOUBLE" && node.srcToken && "source" in node.srcToken ? node.srcToken.source : "";
  if (/(?<!\\)(?:\\\\)*\\(?:u|U0000)[dD][89a-fA-F]/.test(source)) {
    throw yamlError(`line ${line}: found invalid Unicode character escape code`);
  }
}

/** A core tag must fit the text; a tag nobody knows makes it a string. */
function scalarValue(text: string, plain: boolean, tag: string | undefined): YamlScalar {
  const string: YamlScalar = { $case: "string", value: text };
  if (tag === undefined) return plain ? resolveScalar(text) : string;
  const wanted = Object.entries(TAGS).find(([, name]) => name === tag)?.[0];
  if (wanted === undefined || wanted === "string") return string;
  const value = resolveScalar(text);
  if (wanted === "float" && value.$case === "int") return { $case: "float", value: Number(value.value) };
  if (value.$case !== wanted) throw yamlError(`cannot construct ${TAGS[value.$case]} \`${text}\` as a ${tag}`);
  return value;
}

const TAGS: Readonly<Record<YamlScalar["$case"], string>> = {
  null: "!!null",
  bool: "!!bool",
  int: "!!int",
  float: "!!float",
  timestamp: "!!timestamp",
  merge: "!!merge",
  string: "!!str",
};

/** Everything below a mapping once merge keys (`<<`) are followed: own entries win, then earlier sources. */
export function mergedEntries(map: YamlMapNode): readonly YamlEntry[] {
  const own = map.entries.filter(([key]) => !isMerge(key));
  const merged = map.entries.filter(([key]) => isMerge(key)).flatMap(([, value]) => mergeSources(value));
  const seen = new Set(own.map(([key]) => keyText(key)));
  const added: YamlEntry[] = [];
  for (const entry of merged.flatMap(mergedEntries)) {
    if (seen.has(keyText(entry[0]))) continue;
    seen.add(keyText(entry[0]));
    added.push(entry);
  }
  return [...added, ...own];
}

function isMerge(key: YamlNode): boolean {
  return key.$case === "scalar" && key.value.$case === "merge";
}

function keyText(key: YamlNode): string {
  return key.$case === "scalar" ? key.text : `(${key.$case})`;
}

function mergeSources(value: YamlNode): readonly YamlMapNode[] {
  if (value.$case === "map") return [value];
  if (value.$case === "seq") {
    return value.items.map((item) => {
      if (item.$case !== "map")
        throw yamlError(`line ${item.line}: map merge requires map or sequence of maps as the value`);
      return item;
    });
  }
  throw yamlError(`line ${value.line}: map merge requires map or sequence of maps as the value`);
}

/** Keys that stand twice in a mapping, as `line 2: mapping key "a" already defined at line 1`. */
export function duplicateKeys(map: YamlMapNode): readonly { readonly line: number; readonly text: string }[] {
  const earlier = new Map<string, number[]>();
  const found: { line: number; text: string }[] = [];
  for (const [key] of map.entries) {
    const name = keyText(key);
    const lines = earlier.get(name) ?? [];
    for (const line of lines) {
      if (found.length >= MAX_REPORTED) return found;
      const text = `line ${key.line}: mapping key ${JSON.stringify(name)} already defined at line ${line}`;
      found.push({ line: key.line, text });
    }
    lines.push(key.line);
    earlier.set(name, lines);
  }
  return found;
}

/** Duplicates listed for one mapping; each further one would name all earlier ones. */
const MAX_REPORTED = 100;
