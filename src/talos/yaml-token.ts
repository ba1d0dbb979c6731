/** Tokens of YAML text, and the queue in which they wait until it is known what is a key. */
import { yamlError } from "./yaml-node.ts";

export type TokenKind =
  | "stream-start"
  | "stream-end"
  | "version"
  | "tag-prefix"
  | "document-start"
  | "document-end"
  | "block-seq"
  | "block-map"
  | "block-end"
  | "flow-seq"
  | "flow-seq-end"
  | "flow-map"
  | "flow-map-end"
  | "block-entry"
  | "flow-entry"
  | "key"
  | "value"
  | "alias"
  | "anchor"
  | "tag"
  | "plain"
  | "quoted"
  | "block";

export interface Token {
  readonly kind: TokenKind;
  /** Where it starts. */
  readonly at: number;
  readonly line: number;
  readonly end: number;
  readonly endLine: number;
  /** Text of a scalar, name of an anchor, handle of a tag, version. */
  readonly text: string;
  /** Of a tag, or the prefix its handle stands for. */
  readonly suffix: string;
}

/** A token that only marks a place. */
export function emptyToken(kind: TokenKind, at: number, line: number): Token {
  return { kind, at, line, end: at, endLine: line, text: "", suffix: "" };
}

/** Three for each node a document may have, which is what nodes take when they have neither anchors nor tags. */
const MAX_TOKENS = 600_000;
/** Tokens that are through are dropped in batches. */
const BATCH = 1024;

/** Tokens in the order of the document; those that open a mapping are put in before its first key once that is known. */
export class TokenQueue {
  #tokens: Token[] = [];
  #head = 0;
  #last = emptyToken("stream-start", 0, 1);
  /** How many were taken. */
  taken = 0;

  /** The last one pushed. */
  get last(): Token {
    return this.#last;
  }

  get waiting(): number {
    return this.#tokens.length - this.#head;
  }

  /** How many stand before the next one to be pushed. */
  get number(): number {
    return this.taken + this.waiting;
  }

  get first(): Token {
    return this.#tokens[this.#head]!;
  }

  /** Throws `yaml_invalid` for too many tokens, as all of a document may have to wait. */
  push(token: Token): void {
    if (this.number >= MAX_TOKENS) throw yamlError(`document has more than ${MAX_TOKENS} tokens`, token.line);
    this.#last = token;
    this.#tokens.push(token);
  }

  /** Puts a token in so that `number` stand before it in the document. */
  insert(token: Token, number: number): void {
    this.#tokens.splice(this.#head + number - this.taken, 0, token);
  }

  take(): Token {
    const token = this.first;
    this.#head++;
    this.taken++;
    if (this.#head >= BATCH && this.#head * 2 > this.#tokens.length) {
      this.#tokens = this.#tokens.slice(this.#head);
      this.#head = 0;
    }
    return token;
  }
}
