/** A place in YAML text, and the few classes of characters its grammar is made of. The text has no CR and no NEL. */

export function isBlank(char: string): boolean {
  return char === " " || char === "\t";
}

/** LF, LINE SEPARATOR or PARAGRAPH SEPARATOR. */
export function isBreak(char: string): boolean {
  return char === "\n" || char === "\u2028" || char === "\u2029";
}

/** True for white space and for the empty string that stands for the end of the text. */
export function isSpaceOrEnd(char: string): boolean {
  return char === "" || isBlank(char) || isBreak(char);
}

/** Lines count from 1, columns from 0 and in UTF-16 units: what is compared with them has only ASCII before it. */
export class Cursor {
  readonly #text: string;
  #lineStart = 0;
  pos = 0;
  line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  get column(): number {
    return this.pos - this.#lineStart;
  }

  /** The character `offset` units further, empty behind the end. */
  at(offset: number): string {
    return this.#text[this.pos + offset] ?? "";
  }

  get char(): string {
    return this.at(0);
  }

  /** Takes what a sticky expression matches here, which must not span lines; empty when it does not match. */
  take(expression: RegExp): string {
    expression.lastIndex = this.pos;
    const [found = ""] = expression.exec(this.#text) ?? [];
    this.pos += found.length;
    return found;
  }

  /** Takes one line break; empty when there is none. */
  takeBreak(): string {
    if (!isBreak(this.char)) return "";
    const found = this.char;
    this.pos++;
    this.endLine();
    return found;
  }

  /** Starts the next line here. */
  endLine(): void {
    this.line++;
    this.#lineStart = this.pos;
  }

  takeBlanks(): string {
    return this.take(/[ \t]*/y);
  }

  /** True at a line that starts with `---` or `...` and a space or its end. */
  atDocumentMarker(): boolean {
    if (this.column !== 0 || (this.char !== "-" && this.char !== ".")) return false;
    return this.at(1) === this.char && this.at(2) === this.char && isSpaceOrEnd(this.at(3));
  }
}
