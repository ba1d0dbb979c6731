/**
 * YAML text to a tree of nodes (factory.md 2.2). Only the first document is read, what follows is ignored. Written from the
 * rules of the reference's library, not with another one, because what is accepted and what it means decides ids: libraries
 * for YAML 1.2 differ from it in tabs, indentation, quoting, tags and errors.
 */
import { type YamlEntry, type YamlNode, yamlError } from "./yaml-node.ts";
import { Scanner } from "./yaml-scan.ts";
import { CORE_TAG, scalarNode } from "./yaml-tag.ts";
import { decodeText } from "./yaml-text.ts";
import type { Token, TokenKind } from "./yaml-token.ts";

/** Deepest nesting of collections. */
const MAX_DEPTH = 100;
/** Nodes a collection may stand for once all aliases are replaced. */
const MAX_EXPANDED_NODES = 200_000;

/**
 * The first document of a text, undefined when there is none. The caller bounds the size of the text.
 * Throws `yaml_invalid` for broken syntax, unknown anchors, too deep nesting, too much aliasing.
 */
export function readYaml(input: Uint8Array | string): YamlNode | undefined {
  return new Reader(new Scanner(decodeText(input))).document();
}

export type { YamlNode } from "./yaml-node.ts";

/** What an anchor names; nothing while that is still being read. */
interface Anchor {
  node?: YamlNode;
}

interface Properties {
  readonly anchor: string | undefined;
  readonly tag: string | undefined;
}

const NO_PROPERTIES: Properties = { anchor: undefined, tag: undefined };

/** Token kinds that end an entry without content. */
const ENDS_BLOCK_ENTRY: readonly TokenKind[] = ["block-entry", "block-end"];
const ENDS_BLOCK_PART: readonly TokenKind[] = ["key", "value", "block-end"];
const ENDS_INDENTLESS_ENTRY: readonly TokenKind[] = ["block-entry", "key", "value", "block-end"];
const ENDS_PAIR_KEY: readonly TokenKind[] = ["value", "flow-entry", "flow-seq-end"];
const ENDS_PAIR_VALUE: readonly TokenKind[] = ["flow-entry", "flow-seq-end"];
const ENDS_FLOW_KEY: readonly TokenKind[] = ["value", "flow-entry", "flow-map-end"];
const ENDS_FLOW_VALUE: readonly TokenKind[] = ["flow-entry", "flow-map-end"];
const ENDS_DOCUMENT: readonly TokenKind[] = ["version", "tag-prefix", "document-start", "document-end", "stream-end"];

/** Reads tokens into nodes; alive for one document. */
class Reader {
  readonly #scanner: Scanner;
  readonly #prefixes = new Map<string, string>();
  readonly #anchors = new Map<string, Anchor>();
  /** What each collection stands for with all aliases replaced. */
  readonly #extents = new Map<YamlNode, { readonly nodes: number; readonly depth: number }>();
  #depth = 0;
  #aliased = false;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  document(): YamlNode | undefined {
    const scanner = this.#scanner;
    while (scanner.peek().kind === "document-end") scanner.next();
    if (scanner.peek().kind === "stream-end") return undefined;
    const explicit = this.#directives();
    const root = explicit && this.#at(ENDS_DOCUMENT) ? this.#empty() : this.#node(true, false);
    const { kind, line } = scanner.peek();
    if (kind === "version" || kind === "tag-prefix") {
      throw yamlError("did not find expected <document end> before directive", line);
    }
    if (!ENDS_DOCUMENT.includes(kind)) throw yamlError("did not find expected <document start>", line);
    return root;
  }

  /** Directives and the marker behind them; true when there is a marker. */
  #directives(): boolean {
    const scanner = this.#scanner;
    const first = scanner.peek().kind;
    let versions = 0;
    while (this.#at(["version", "tag-prefix"])) {
      const { kind, text, suffix, line } = scanner.next();
      if (kind === "version") {
        if (versions++ > 0) throw yamlError("found duplicate %YAML directive", line);
        if (text !== "1.1") throw yamlError("found incompatible YAML document", line);
      } else {
        if (this.#prefixes.has(text)) throw yamlError("found duplicate %TAG directive", line);
        this.#prefixes.set(text, suffix);
      }
    }
    for (const [handle, prefix] of [["!", "!"] as const, ["!!", CORE_TAG] as const]) {
      if (!this.#prefixes.has(handle)) this.#prefixes.set(handle, prefix);
    }
    const { kind, line } = scanner.peek();
    if (kind === "document-start") {
      scanner.next();
      return true;
    }
    if (first !== kind) throw yamlError("did not find expected <document start>", line);
    return false;
  }

  #at(kinds: readonly TokenKind[]): boolean {
    return kinds.includes(this.#scanner.peek().kind);
  }

  /** `indentless`: a list may stand at the column of the key it belongs to. */
  #node(inBlock: boolean, indentless: boolean): YamlNode {
    const start = this.#scanner.peek();
    if (start.kind === "alias") return this.#alias(this.#scanner.next());
    const { anchor, tag } = this.#properties();
    const slot: Anchor = {};
    if (anchor !== undefined) this.#anchors.set(anchor, slot);
    slot.node = this.#content(start, tag, inBlock, indentless, anchor !== undefined);
    return slot.node;
  }

  #properties(): Properties {
    if (!this.#at(["anchor", "tag"])) return NO_PROPERTIES;
    const first = this.#scanner.next();
    const other = first.kind === "tag" ? "anchor" : "tag";
    const second = this.#scanner.peek().kind === other ? this.#scanner.next() : undefined;
    const [anchor, tag] = first.kind === "anchor" ? [first, second] : [second, first];
    return { anchor: anchor?.text, tag: tag && this.#tag(tag) };
  }

  #tag({ text: handle, suffix, line }: Token): string {
    const prefix = handle === "" ? "" : this.#prefixes.get(handle);
    if (prefix === undefined) throw yamlError("found undefined tag handle", line);
    const tag = prefix + suffix;
    return tag.startsWith(CORE_TAG) ? `!!${tag.slice(CORE_TAG.length)}` : tag;
  }

  #alias({ text, line }: Token): YamlNode {
    const anchor = this.#anchors.get(text);
    if (!anchor) throw yamlError(`unknown anchor '${text}' referenced`, line);
    this.#aliased = true;
    if (!anchor.node) throw yamlError(`anchor '${text}' value contains itself`, line);
    return anchor.node;
  }

  #content(start: Token, tag: string | undefined, inBlock: boolean, indentless: boolean, anchored: boolean): YamlNode {
    const token = this.#scanner.peek();
    switch (token.kind) {
      case "plain":
      case "quoted":
      case "block":
        this.#scanner.next();
        return scalarNode(token.text, token.kind === "plain", tag, start);
      case "flow-seq":
        return this.#seq(start, () => this.#flowSeq());
      case "flow-map":
        return this.#map(start, () => this.#flowMap());
      case "block-entry":
        if (indentless) return this.#seq(start, () => this.#indentlessSeq());
        break;
      case "block-seq":
        if (inBlock) return this.#seq(start, () => this.#blockSeq());
        break;
      case "block-map":
        if (inBlock) return this.#map(start, () => this.#blockMap());
    }
    if (anchored || tag !== undefined) return scalarNode("", true, tag, start);
    throw yamlError("did not find expected node content", token.line);
  }

  /** Nothing where a node may stand: null. */
  #empty(): YamlNode {
    return scalarNode("", true, undefined, this.#scanner.peek());
  }

  #nodeUnless(ends: readonly TokenKind[], inBlock: boolean, indentless = false): YamlNode {
    return this.#at(ends) ? this.#empty() : this.#node(inBlock, indentless);
  }

  #blockSeq(): readonly YamlNode[] {
    this.#scanner.next();
    const items: YamlNode[] = [];
    while (this.#at(["block-entry"])) {
      this.#scanner.next();
      items.push(this.#nodeUnless(ENDS_BLOCK_ENTRY, true));
    }
    const { kind, line } = this.#scanner.next();
    if (kind !== "block-end") throw yamlError("did not find expected '-' indicator", line);
    return items;
  }

  #indentlessSeq(): readonly YamlNode[] {
    const items: YamlNode[] = [];
    while (this.#at(["block-entry"])) {
      this.#scanner.next();
      items.push(this.#nodeUnless(ENDS_INDENTLESS_ENTRY, true));
    }
    return items;
  }

  #blockMap(): readonly YamlEntry[] {
    this.#scanner.next();
    const entries: YamlEntry[] = [];
    while (this.#at(["key", "value"])) {
      entries.push([this.#part("key", ENDS_BLOCK_PART, true), this.#part("value", ENDS_BLOCK_PART, true)]);
    }
    const { kind, line } = this.#scanner.next();
    if (kind !== "block-end") throw yamlError("did not find expected key", line);
    return entries;
  }

  /** A key or a value behind its indicator, null without one. */
  #part(indicator: "key" | "value", ends: readonly TokenKind[], inBlock: boolean): YamlNode {
    if (!this.#at([indicator])) return this.#empty();
    this.#scanner.next();
    return this.#nodeUnless(ends, inBlock, inBlock);
  }

  #flowSeq(): readonly YamlNode[] {
    const items: YamlNode[] = [];
    this.#flowItems("flow-seq-end", "did not find expected ',' or ']'", () => {
      const start = this.#scanner.peek();
      if (!this.#at(["key", "value"])) items.push(this.#node(false, false));
      else items.push(this.#map(start, () => [this.#pair()]));
    });
    return items;
  }

  /** A mapping of one pair without braces, inside a flow sequence. */
  #pair(): YamlEntry {
    if (this.#at(["key"])) this.#scanner.next();
    const key = this.#nodeUnless(ENDS_PAIR_KEY, false);
    return [key, this.#part("value", ENDS_PAIR_VALUE, false)];
  }

  #flowMap(): readonly YamlEntry[] {
    const entries: YamlEntry[] = [];
    this.#flowItems("flow-map-end", "did not find expected ',' or '}'", () => {
      const key = this.#at(["key", "value"]) ? this.#part("key", ENDS_FLOW_KEY, false) : this.#node(false, false);
      entries.push([key, this.#part("value", ENDS_FLOW_VALUE, false)]);
    });
    return entries;
  }

  /** Items between commas up to the closing bracket. */
  #flowItems(end: TokenKind, refusal: string, item: () => void): void {
    const scanner = this.#scanner;
    scanner.next();
    for (let first = true; !this.#at([end]); first = false) {
      if (!first) {
        const { kind, line } = scanner.next();
        if (kind !== "flow-entry") throw yamlError(refusal, line);
        if (this.#at([end])) break;
      }
      item();
    }
    scanner.next();
  }

  #seq(start: Token, read: () => readonly YamlNode[]): YamlNode {
    const items = this.#deeper(start, read);
    return this.#weighed({ $case: "seq", line: start.line, at: start.at, items }, items);
  }

  #map(start: Token, read: () => readonly YamlEntry[]): YamlNode {
    const entries = this.#deeper(start, read);
    return this.#weighed({ $case: "map", line: start.line, at: start.at, entries }, entries.flat());
  }

  #deeper<T>({ line }: Token, read: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw yamlError(`exceeded max depth of ${MAX_DEPTH}`, line);
    const children = read();
    this.#depth--;
    return children;
  }

  /** Adds up what a collection stands for with all aliases replaced, so that a small text cannot mean a huge tree. */
  #weighed(node: YamlNode, children: readonly YamlNode[]): YamlNode {
    let nodes = 1;
    let depth = 0;
    for (const child of children) {
      const extent = this.#extents.get(child);
      nodes += extent?.nodes ?? 1;
      depth = Math.max(depth, extent?.depth ?? 0);
    }
    if (nodes > MAX_EXPANDED_NODES) {
      const reason = this.#aliased ? "contains excessive aliasing" : `has more than ${MAX_EXPANDED_NODES} nodes`;
      throw yamlError(`document ${reason}`, node.line);
    }
    if (depth >= MAX_DEPTH) throw yamlError(`exceeded max depth of ${MAX_DEPTH}`, node.line);
    this.#extents.set(node, { nodes, depth: depth + 1 });
    return node;
  }
}
