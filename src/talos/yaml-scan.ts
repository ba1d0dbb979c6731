/**
 * YAML text to tokens. What a key is only shows at its colon, so tokens wait in a queue until that is settled (YAML 1.1 chapter
 * 4, with the rules and refusals of factory.md 2.2). Nothing is read behind the tokens asked for but two.
 */
import { Cursor, isBreak, isSpaceOrEnd } from "./yaml-cursor.ts";
import { yamlError } from "./yaml-node.ts";
import { scanBlock, scanPlain, scanQuoted } from "./yaml-scan-scalar.ts";
import { scanAnchor, scanDirective, scanTag } from "./yaml-scan-tag.ts";
import { emptyToken, type Token, type TokenKind, TokenQueue } from "./yaml-token.ts";

/** Where a key may have started that its colon would make one. */
interface KeyPlace {
  readonly at: number;
  readonly line: number;
  readonly column: number;
  readonly flow: number;
  /** How many tokens stand before it in the document. */
  readonly number: number;
  /** It stands where only a key can, so it is an error if it is none. */
  readonly required: boolean;
}

/** Deepest nesting of flow or block collections, to bound the queue; the reader's own limit is lower. */
const MAX_DEPTH = 10_000;
const FLOW_INDICATOR = /[,[\]{}]/;
const NO_PLAIN_START = /[-?:,[\]{}#&*!|>'"%@`]/;

/** Gives tokens one by one; alive for one document. Throws `yaml_invalid`. */
export class Scanner {
  readonly #cursor: Cursor;
  readonly #queue = new TokenQueue();
  #flow = 0;
  #indent = -1;
  readonly #indents: number[] = [];
  #keyAllowed = true;
  /** The place of a key at this flow level; kept when the level changes, `#keys` has those further out. */
  #key: KeyPlace | undefined;
  #keyPossible = false;
  readonly #keys: KeyPlace[] = [];
  /** Line on which a tab stands where a block collection may not start behind it. */
  #tabLine = 0;

  constructor(text: string) {
    this.#cursor = new Cursor(text);
  }

  peek(): Token {
    // Two tokens more than asked for are read; a client sees the errors in them.
    while (this.#queue.waiting < 3 || this.#keyPending()) this.#scanNext();
    return this.#queue.first;
  }

  next(): Token {
    this.peek();
    return this.#queue.take();
  }

  /** True while the next token may turn out to start a key. */
  #keyPending(): boolean {
    const outermost = this.#keys[0] ?? (this.#keyPossible ? this.#key : undefined);
    return outermost?.number === this.#queue.taken;
  }

  #place(): KeyPlace {
    const { pos: at, line, column } = this.#cursor;
    const required = this.#flow === 0 && this.#indent === column;
    return { at, line, column, flow: this.#flow, number: this.#queue.number, required };
  }

  #scanNext(): void {
    const cursor = this.#cursor;
    const { line } = cursor;
    this.#toNextToken();
    this.#closeBlocks(cursor.column, line);
    const { char } = cursor;
    if (char === "") this.#streamEnd();
    else if (char === "%" && cursor.column === 0) this.#directive();
    else if (cursor.atDocumentMarker()) this.#documentMarker();
    else this.#contentAndGap(char);
  }

  /** A token of content; no comment may follow it without white space. */
  #contentAndGap(char: string): void {
    const cursor = this.#cursor;
    this.#content(char);
    if (cursor.char === "#" && this.#queue.last.end === cursor.pos && this.#queue.last.kind !== "block") {
      throw yamlError("found a comment without preceding whitespace", cursor.line);
    }
  }

  #content(char: string): void {
    const next = this.#cursor.at(1);
    if (char === "[") this.#openFlow("flow-seq");
    else if (char === "{") this.#openFlow("flow-map");
    else if (char === "]") this.#closeFlow("flow-seq-end");
    else if (char === "}") this.#closeFlow("flow-map-end");
    else if (char === ",") this.#comma();
    else if (char === "-" && isSpaceOrEnd(next)) this.#entry();
    else if (char === "?" && isSpaceOrEnd(next)) this.#explicitKey();
    else if (char === ":" && this.#isValue(next)) this.#value();
    else if (char === "*") this.#scanned("alias", scanAnchor);
    else if (char === "&") this.#scanned("anchor", scanAnchor);
    else if (char === "'" || char === '"') this.#scanned("quoted", scanQuoted);
    else if (char === "!") this.#tag();
    else if ((char === "|" || char === ">") && this.#flow === 0) this.#block();
    else if (this.#startsPlain(char, next)) this.#plain();
    else throw yamlError("found character that cannot start any token", this.#cursor.line);
  }

  #startsPlain(char: string, next: string): boolean {
    if (!NO_PLAIN_START.test(char)) return true;
    if (isSpaceOrEnd(next)) return false;
    return char === "?" || char === ":" || (char === "-" && !(this.#flow > 0 && FLOW_INDICATOR.test(next)));
  }

  #toNextToken(): void {
    const cursor = this.#cursor;
    for (;;) {
      cursor.take(this.#flow > 0 || !this.#keyAllowed ? /[ \t]+/y : / +/y);
      if (cursor.char === "\t") this.#tabs();
      cursor.take(/#[^\n\u2028\u2029]*/y);
      if (cursor.takeBreak() === "") return;
      if (this.#flow === 0) this.#keyAllowed = true;
    }
  }

  /** Tabs where a key may start: they can stand before scalars and flow collections, but indent no block collection. */
  #tabs(): void {
    const { line, column } = this.#cursor;
    const behindDash = this.#queue.last.kind === "block-entry" && this.#queue.last.endLine === line;
    const separates = behindDash || (line > this.#queue.last.endLine && column > this.#indent);
    this.#cursor.takeBlanks();
    const { char } = this.#cursor;
    const rootFlow = this.#indent < 0 && (char === "[" || char === "{");
    if (separates || rootFlow) this.#tabLine = line;
    else if (char !== "" && char !== "#" && !isBreak(char)) {
      throw yamlError("found character that cannot start any token", line);
    }
  }

  /** Remembers that a key may start here. */
  #saveKey(): void {
    if (this.#keyAllowed) {
      this.#dropKey();
      this.#key = this.#place();
      this.#keyPossible = true;
    }
    this.#keyAllowed = false;
  }

  #dropKey(): void {
    if (this.#key?.required) throw yamlError("could not find expected ':'", this.#cursor.line);
    this.#keyPossible = false;
  }

  /** Starts a block collection if it stands deeper than the one around it. */
  #openBlock(kind: "block-seq" | "block-map", place: KeyPlace): void {
    if (this.#flow > 0 || this.#indent >= place.column) return;
    if (this.#tabLine === place.line) {
      throw yamlError("found a tab character where an indentation space is expected", place.line);
    }
    this.#indents.push(this.#indent);
    this.#indent = place.column;
    this.#checkDepth(this.#indents.length);
    this.#queue.insert(emptyToken(kind, place.at, place.line), place.number);
  }

  /** Ends the blocks that stand deeper than a column. */
  #closeBlocks(column: number, line: number): void {
    while (this.#flow === 0 && this.#indent > column) {
      this.#queue.push(emptyToken("block-end", this.#cursor.pos, line));
      this.#indent = this.#indents.pop()!;
    }
  }

  #checkDepth(depth: number): void {
    if (depth > MAX_DEPTH) throw yamlError(`exceeded max depth of ${MAX_DEPTH}`, this.#cursor.line);
  }

  #openFlow(kind: "flow-seq" | "flow-map"): void {
    this.#saveKey();
    this.#checkDepth(++this.#flow);
    if (this.#keyPossible && this.#key) this.#keys.push(this.#key);
    this.#key = undefined;
    this.#keyAllowed = true;
    this.#indicator(kind);
  }

  #closeFlow(kind: "flow-seq-end" | "flow-map-end"): void {
    this.#dropKey();
    if (this.#flow > 0) {
      this.#flow--;
      if (this.#keys.at(-1)?.flow === this.#flow) {
        this.#key = this.#keys.pop();
        this.#keyPossible = true;
      }
    }
    this.#keyAllowed = false;
    this.#indicator(kind);
  }

  #comma(): void {
    this.#dropKey();
    this.#keyAllowed = true;
    this.#indicator("flow-entry");
  }

  #entry(): void {
    if (this.#flow === 0) {
      if (!this.#keyAllowed) throw this.#notHere("block sequence entries");
      this.#openBlock("block-seq", this.#place());
    }
    this.#dropKey();
    this.#keyAllowed = true;
    this.#indicator("block-entry");
  }

  #explicitKey(): void {
    if (this.#flow === 0) {
      if (!this.#keyAllowed) throw this.#notHere("mapping keys");
      this.#openBlock("block-map", this.#place());
    }
    this.#dropKey();
    this.#keyAllowed = this.#flow === 0;
    this.#indicator("key");
  }

  /** A colon in a flow mapping may also start a scalar, where one can stand. */
  #isValue(next: string): boolean {
    if (isSpaceOrEnd(next)) return true;
    const { kind } = this.#queue.last;
    if (this.#flow === 0 || kind === "flow-entry" || kind === "flow-seq") return false;
    return FLOW_INDICATOR.test(next) || (kind !== "value" && kind !== "key" && kind !== "flow-map");
  }

  #value(): void {
    const { line, column } = this.#cursor;
    if (this.#flow > 0 && column <= this.#indent) throw this.#notHere("mapping values");
    if (this.#keyPossible && this.#key?.line === line) {
      this.#queue.insert(emptyToken("key", this.#key.at, line), this.#key.number);
      this.#openBlock("block-map", this.#key);
      this.#key = undefined;
      this.#keyPossible = false;
      this.#keyAllowed = false;
    } else {
      if (this.#flow === 0) {
        if (!this.#keyAllowed) throw this.#notHere("mapping values");
        this.#openBlock("block-map", this.#place());
      }
      this.#keyAllowed = this.#flow === 0;
    }
    this.#indicator("value");
  }

  #notHere(what: string) {
    return yamlError(`${what} are not allowed in this context`, this.#cursor.line);
  }

  /** A token of one character. */
  #indicator(kind: TokenKind): void {
    const { pos: at, line } = this.#cursor;
    const end = ++this.#cursor.pos;
    this.#queue.push({ kind, at, line, end, endLine: line, text: "", suffix: "" });
  }

  /** A token that may start a key and ends where its scan does. */
  #scanned(kind: TokenKind, scan: (cursor: Cursor) => string): void {
    this.#saveKey();
    const { pos: at, line } = this.#cursor;
    const text = scan(this.#cursor);
    this.#queue.push({ kind, at, line, end: this.#cursor.pos, endLine: this.#cursor.line, text, suffix: "" });
  }

  #tag(): void {
    this.#saveKey();
    const { pos: at, line } = this.#cursor;
    const { text, suffix } = scanTag(this.#cursor, this.#flow > 0);
    this.#queue.push({ kind: "tag", at, line, end: this.#cursor.pos, endLine: line, text, suffix });
  }

  #plain(): void {
    this.#saveKey();
    const { pos: at, line } = this.#cursor;
    const { crossed, text, end, endLine } = scanPlain(this.#cursor, this.#indent + 1, this.#flow > 0);
    if (crossed) this.#keyAllowed = true;
    this.#queue.push({ kind: "plain", at, line, end, endLine, text, suffix: "" });
  }

  #block(): void {
    this.#dropKey();
    this.#keyAllowed = true;
    const { pos: at, line } = this.#cursor;
    const text = scanBlock(this.#cursor, this.#indent);
    this.#queue.push({ kind: "block", at, line, end: this.#cursor.pos, endLine: this.#cursor.line, text, suffix: "" });
  }

  #directive(): void {
    this.#endContent();
    const { pos, line } = this.#cursor;
    this.#queue.push({ ...emptyToken("version", pos, line), ...scanDirective(this.#cursor) });
  }

  #documentMarker(): void {
    this.#endContent();
    const kind = this.#cursor.char === "-" ? "document-start" : "document-end";
    this.#queue.push(emptyToken(kind, this.#cursor.pos, this.#cursor.line));
    this.#cursor.pos += 3;
    if (kind === "document-start") return;
    this.#cursor.takeBlanks();
    const { char, line } = this.#cursor;
    if (char !== "" && char !== "#" && !isBreak(char)) {
      throw yamlError("found unexpected content after document-end marker", line);
    }
  }

  #streamEnd(): void {
    // The end of a text that lacks its last line break counts as on a line of its own.
    if (this.#cursor.column > 0) this.#cursor.endLine();
    this.#endContent();
    this.#keys.length = 0;
    this.#queue.push(emptyToken("stream-end", this.#cursor.pos, this.#cursor.line));
  }

  #endContent(): void {
    this.#closeBlocks(-1, this.#cursor.line);
    this.#dropKey();
    this.#keyAllowed = false;
  }
}
