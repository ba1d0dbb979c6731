/** The text of scalars: quoted, plain, and in blocks (YAML 1.2.2 chapters 7.3 and 8.1, with the limits of factory.md 2.2). */
import { type Cursor, isBlank, isBreak, isSpaceOrEnd } from "./yaml-cursor.ts";
import { yamlError } from "./yaml-node.ts";

/** White space between two pieces of a scalar: blanks on one line, or line breaks. */
class Gap {
  #blanks = "";
  #first = "";
  #more = "";
  /** True once the gap crosses a line; blanks count for nothing then. */
  crossed = false;

  blanks(text: string): void {
    if (!this.crossed) this.#blanks += text;
  }

  break(text: string): void {
    if (this.crossed) this.#more += text;
    else this.#first = text;
    this.crossed = true;
  }

  /** What the gap stands for: one line feed becomes a space, of several the first goes. */
  get text(): string {
    if (!this.crossed) return this.#blanks;
    if (this.#first !== "\n") return this.#first + this.#more;
    return this.#more === "" ? " " : this.#more;
  }
}

/** Fills a gap from the blanks and breaks at the cursor. */
function takeGap(cursor: Cursor, gap: Gap): void {
  for (;;) {
    gap.blanks(cursor.takeBlanks());
    const found = cursor.takeBreak();
    if (found === "") return;
    gap.break(found);
  }
}

/** A quoted scalar with the cursor on its opening quote. Throws `yaml_invalid`. */
export function scanQuoted(cursor: Cursor): string {
  const quote = cursor.char;
  const run = quote === "'" ? /[^' \t\n\u2028\u2029]+/y : /[^"\\ \t\n\u2028\u2029]+/y;
  cursor.pos++;
  let text = "";
  for (;;) {
    if (cursor.atDocumentMarker()) throw yamlError("found unexpected document indicator", cursor.line);
    if (cursor.char === "") throw yamlError("found unexpected end of stream", cursor.line);
    const gap = new Gap();
    for (;;) {
      text += cursor.take(run);
      if (cursor.char === "'" && quote === "'" && cursor.at(1) === "'") {
        text += "'";
        cursor.pos += 2;
      } else if (cursor.char === "\\" && quote === '"') {
        cursor.pos++;
        // Nothing stands for a break behind a backslash, nor for blanks that follow.
        gap.crossed = cursor.takeBreak() !== "";
        if (gap.crossed) break;
        text += takeEscape(cursor);
      } else break;
    }
    if (cursor.char === quote) break;
    takeGap(cursor, gap);
    text += gap.text;
  }
  cursor.pos++;
  return text;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "0": "\0",
  a: "\u0007",
  b: "\b",
  t: "\t",
  "\t": "\t",
  n: "\n",
  v: "\v",
  f: "\f",
  r: "\r",
  e: "\u001b",
  " ": " ",
  '"': '"',
  "/": "/",
  "\\": "\\",
  N: "\u0085",
  _: "\u00a0",
  L: "\u2028",
  P: "\u2029",
};

/** What follows a backslash. JSON's two-escape spelling of a rune is none in YAML. */
function takeEscape(cursor: Cursor): string {
  const kind = cursor.take(/[^\n\u2028\u2029]/y);
  const known = Object.hasOwn(ESCAPES, kind) ? ESCAPES[kind] : undefined;
  if (known !== undefined) return known;
  const digits = kind === "x" ? /[0-9a-fA-F]{2}/y : kind === "u" ? /[0-9a-fA-F]{4}/y : /[0-9a-fA-F]{8}/y;
  if (!/^[xuU]$/.test(kind)) throw yamlError("found unknown escape character", cursor.line);
  const hex = cursor.take(digits);
  if (hex === "") throw yamlError("did not find expected hexadecimal number", cursor.line);
  const code = Number.parseInt(hex, 16);
  if ((code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) {
    throw yamlError("found invalid Unicode character escape code", cursor.line);
  }
  return String.fromCodePoint(code);
}

/** A plain scalar: its text, where it ends, and whether white space behind it, which is taken too, crosses a line. */
export interface PlainScalar {
  readonly text: string;
  readonly end: number;
  readonly endLine: number;
  readonly crossed: boolean;
}

/** A plain scalar with the cursor on its first character. `indent`: least column of its further lines outside of flow. */
export function scanPlain(cursor: Cursor, indent: number, inFlow: boolean): PlainScalar {
  let text = "";
  let end = cursor.pos;
  let endLine = cursor.line;
  let gap = new Gap();
  while (!cursor.atDocumentMarker() && cursor.char !== "#") {
    const run = plainRun(cursor, inFlow);
    if (run !== "") {
      text += gap.text + run;
      gap = new Gap();
      end = cursor.pos;
      endLine = cursor.line;
    }
    if (!isBlank(cursor.char) && !isBreak(cursor.char)) break;
    takePlainGap(cursor, gap, indent);
    if (!inFlow && cursor.column < indent) break;
  }
  return { text, end, endLine, crossed: gap.crossed };
}

function plainRun(cursor: Cursor, inFlow: boolean): string {
  let run = "";
  for (;;) {
    run += cursor.take(inFlow ? /[^ \t\n\u2028\u2029:,[\]{}]+/y : /[^ \t\n\u2028\u2029:]+/y);
    const next = cursor.at(1);
    if (cursor.char !== ":" || isSpaceOrEnd(next) || (inFlow && /[,\]}]/.test(next))) return run;
    run += ":";
    cursor.pos++;
  }
}

function takePlainGap(cursor: Cursor, gap: Gap, indent: number): void {
  let tabLine = 0;
  for (;;) {
    const start = cursor.column;
    const blanks = cursor.takeBlanks();
    const tab = blanks.indexOf("\t");
    if (gap.crossed && tab >= 0 && start + tab < indent) tabLine = cursor.line;
    gap.blanks(blanks);
    const found = cursor.takeBreak();
    if (found === "") break;
    gap.break(found);
    tabLine = 0;
  }
  if (tabLine > 0 && cursor.char !== "" && cursor.char !== "#") {
    throw yamlError("found a tab character that violates indentation", tabLine);
  }
}

interface BlockHeader {
  readonly chomping: string;
  /** Columns the text stands right of its parent, 0 to find out. */
  readonly increment: number;
}

/** A literal or folded block scalar with the cursor on its indicator. `parent`: column of the enclosing block, -1 for none. */
export function scanBlock(cursor: Cursor, parent: number): string {
  const startLine = cursor.line;
  const literal = cursor.char === "|";
  const { chomping, increment } = blockHeader(cursor);
  let indent = increment > 0 ? Math.max(parent, 0) + increment : undefined;
  let text = "";
  let lineBreak = "";
  let afterBlank = false;
  let { breaks, column } = takeIndents(cursor, indent, parent, startLine);
  indent ??= column;
  while (cursor.column === indent && cursor.char !== "") {
    const blank = isBlank(cursor.char);
    const fold = !literal && !afterBlank && !blank && lineBreak === "\n";
    text += (fold ? (breaks === "" ? " " : "") : lineBreak) + breaks;
    afterBlank = blank;
    const line = cursor.take(/[^\n\u2028\u2029]+/y);
    text += line;
    // A last line of white space alone counts as ended.
    lineBreak = cursor.char === "" && /^[ \t]*$/.test(line) ? "\n" : cursor.takeBreak();
    ({ breaks, column } = takeIndents(cursor, indent, parent, startLine));
  }
  if (chomping !== "-") text += lineBreak;
  return chomping === "+" ? text + breaks : text;
}

function blockHeader(cursor: Cursor): BlockHeader {
  cursor.pos++;
  const hints = cursor.take(/[-+][0-9]?|[0-9][-+]?/y);
  const digit = /[0-9]/.exec(hints)?.[0];
  if (digit === "0") throw yamlError("found an indentation indicator equal to 0", cursor.line);
  if (cursor.takeBlanks() === "" && cursor.char === "#") {
    throw yamlError("found a comment without preceding whitespace", cursor.line);
  }
  cursor.take(/#[^\n\u2028\u2029]*/y);
  if (cursor.char !== "" && !isBreak(cursor.char)) {
    throw yamlError("did not find expected comment or line break", cursor.line);
  }
  cursor.takeBreak();
  return { chomping: /[-+]/.exec(hints)?.[0] ?? "", increment: Number(digit ?? 0) };
}

/** Indentation and empty lines before a line of text. `column`: where text stands, from the deepest line, if `indent` is open. */
function takeIndents(cursor: Cursor, indent: number | undefined, parent: number, startLine: number) {
  let breaks = "";
  let column = parent + 1;
  for (;;) {
    while (cursor.char === " " && (indent === undefined || cursor.column < indent)) cursor.pos++;
    column = Math.max(column, cursor.column);
    if (cursor.char === "\t" && (indent === undefined ? cursor.column <= parent : cursor.column < indent)) {
      throw yamlError("found a tab character where an indentation space is expected", cursor.line);
    }
    const found = cursor.takeBreak();
    if (found === "") break;
    breaks += found;
  }
  const spacesOnly = cursor.char === "" && cursor.line > startLine && cursor.column > 0;
  if (spacesOnly && (indent === undefined || cursor.column <= indent)) breaks += "\n";
  return { breaks, column };
}
