/**
 * Canonical YAML: the one spelling whose digest is a schematic's id (factory.md 2.3, 2.4). Block style, dashes indented under
 * their key; indent 4 and no folding but where asked for. Written from the rules, not with a library, because libraries change
 * their minds.
 */
import { binaryLines, doubleQuoted, type ScalarStyle, styleOf } from "./yaml-style.ts";
import type { YamlMap, YamlValue } from "./yaml-value.ts";

/** Keys longer than this, in bytes, take the explicit form. */
const MAX_SIMPLE_KEY = 128;
/** What ends a line for YAML 1.1. */
const BREAK = /[\n\r\u0085\u2028\u2029]/;

/**
 * A map as a whole document, each line ended by LF. `width` is the column behind which one-line values are folded at spaces
 * (canonical text is never folded), `indent` the columns a collection stands right of its key.
 */
export function emitYaml(map: YamlMap, width = Number.POSITIVE_INFINITY, indent = 4): string {
  const emitter = new Emitter(width, indent);
  emitter.root(map);
  return emitter.text;
}

/** Where a value stands: in the column of its parent's keys or dashes, behind a dash or not. */
interface Context {
  readonly column: number;
  readonly behindDash: boolean;
}

/** Writes one document; whether a line is started or gone on with depends on what stands before. */
class Emitter {
  #text = "";
  readonly #width: number;
  readonly #indent: number;
  #column = 0;
  /** True while the line has nothing but indentation, dashes and marks of explicit keys. */
  #indention = true;
  /** True when no space is needed before the next token. */
  #spaced = true;

  constructor(width: number, indent: number) {
    this.#width = width;
    this.#indent = indent;
  }

  get text(): string {
    return this.#text;
  }

  root(map: YamlMap): void {
    if (map.entries.length === 0) this.#put("{}");
    else this.#map(map, 0);
    if (this.#column > 0) this.#break();
  }

  #put(text: string): void {
    this.#text += text;
    this.#column += text.length;
  }

  #break(raw = "\n"): void {
    this.#text += raw;
    this.#column = 0;
    this.#indention = true;
  }

  /** Goes to a column, on the next line if this one has content. */
  #line(column: number): void {
    const here = this.#indention && (this.#column < column || (this.#column === column && this.#spaced));
    if (!here) this.#break();
    if (this.#column < column) this.#put(" ".repeat(column - this.#column));
    this.#spaced = true;
  }

  /** A mark that content may follow on the same line. */
  #mark(mark: string): void {
    if (!this.#spaced) this.#put(" ");
    this.#put(mark);
    this.#spaced = false;
  }

  /** The column of what belongs to a value: right behind a dash, else the next multiple of the indent. */
  #below({ column, behindDash }: Context): number {
    return behindDash ? column + 2 : (Math.floor(column / this.#indent) + 1) * this.#indent;
  }

  #value(value: YamlValue, context: Context): void {
    if (value.$case === "map" && value.entries.length > 0) this.#map(value, this.#below(context));
    else if (value.$case === "seq" && value.items.length > 0) this.#seq(value.items, this.#below(context));
    else this.#scalar(value, context, false);
  }

  #seq(items: readonly YamlValue[], column: number): void {
    for (const item of items) {
      this.#line(column);
      this.#mark("-");
      this.#value(item, { column, behindDash: true });
    }
  }

  #map(map: YamlMap, column: number): void {
    const context: Context = { column, behindDash: false };
    for (const [key, value] of map.entries) {
      this.#line(column);
      if (isSimpleKey(key)) {
        this.#scalar(key, context, true);
        this.#put(":");
        this.#indention = false;
      } else {
        this.#mark("?");
        this.#value(key, context);
        this.#line(column);
        this.#mark(":");
      }
      this.#spaced = false;
      this.#value(value, context);
    }
  }

  #scalar(value: YamlValue, context: Context, isKey: boolean): void {
    if (!this.#spaced) this.#put(" ");
    if (value.$case === "binary") this.#put("!!binary ");
    const { style, text } = printed(value);
    const width = isKey ? Number.POSITIVE_INFINITY : this.#width;
    const column = this.#below(context);
    if (style === "literal") this.#literal(text, column, column - context.column);
    else if (style === "double") this.#double(text, column, width);
    else this.#raw(style === "single" ? `'${text.replaceAll("'", "''")}'` : text, column, width);
    this.#spaced = style === "literal";
  }

  /** Plain or single-quoted text: folded at single spaces only, because spaces around a fold are lost. */
  #raw(text: string, column: number, width: number): void {
    if (this.#column + text.length <= width && !BREAK.test(text)) {
      this.#put(text);
      this.#indention = false;
      return;
    }
    const edges = text.startsWith("'") ? [1, text.length - 2] : [];
    let afterBreak = false;
    for (const { 0: piece, index } of text.matchAll(/ +|[\u2028\u2029]|[^ \u2028\u2029]+/g)) {
      if (piece === "\u2028" || piece === "\u2029") this.#break(piece);
      else if (piece === " " && this.#column > width && !edges.includes(index)) this.#line(column);
      else {
        // A raw break is followed by the indentation of the line it starts, but for the closing quote.
        if (afterBreak && piece[0] !== " " && index !== text.length - 1) this.#line(column);
        this.#put(piece);
        this.#indention = false;
      }
      afterBreak = piece === "\u2028" || piece === "\u2029";
    }
  }

  #double(text: string, column: number, width: number): void {
    const quoted = doubleQuoted(text);
    const last = quoted.length - 2;
    for (const { 0: piece, index } of quoted.matchAll(/ +|[^ ]+/g)) {
      this.#indention = false;
      const fold = piece[0] === " " && this.#column > width && index > 1 && index < last;
      if (fold) this.#line(column);
      // A line can start with a space only behind a backslash.
      this.#put(fold ? piece.slice(1).replace(/^ /, "\\ ") : piece);
    }
  }

  /** `step`: how many columns the text stands right of its parent. */
  #literal(text: string, column: number, step: number): void {
    const [, end = ""] = /([\n\u2028\u2029]*)$/.exec(text.slice(-2))!;
    // Without a digit the first line of text tells the indentation.
    this.#put(`|${/^[\n\u2028\u2029]*[ \t]/.test(text) ? step : ""}${["-", "", "+"][end.length]}`);
    this.#break();
    for (const [piece] of text.matchAll(/[\n\u2028\u2029]|[^\n\u2028\u2029]+/g)) {
      if (BREAK.test(piece)) this.#break(piece);
      else {
        this.#put(" ".repeat(column) + piece);
        this.#indention = false;
      }
    }
  }
}

function isSimpleKey(key: YamlValue): boolean {
  if ((key.$case === "seq" && key.items.length > 0) || (key.$case === "map" && key.entries.length > 0)) return false;
  const { text } = printed(key);
  const tag = key.$case === "binary" ? "!!binary" : "";
  return !BREAK.test(text) && Buffer.byteLength(tag + text) <= MAX_SIMPLE_KEY;
}

/** The text a scalar or an empty collection is printed from, and how. */
function printed(value: YamlValue): { readonly style: ScalarStyle; readonly text: string } {
  switch (value.$case) {
    case "string":
      return { style: styleOf(value.value), text: value.value };
    case "binary": {
      const text = binaryLines(value.base64);
      return { style: text.includes("\n") ? "literal" : "plain", text };
    }
    case "float":
      return { style: "plain", text: floatText(value.value) };
    case "seq":
      return { style: "plain", text: "[]" };
    case "map":
      return { style: "plain", text: "{}" };
    case "null":
      return { style: "plain", text: "null" };
    default:
      return { style: "plain", text: String(value.value) };
  }
}

/** Shortest digits that read back the same; an exponent from 10^6 on and below 10^-4. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  if (Object.is(value, -0)) return "-0";
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (value === 0 || (power >= -4 && power < 6)) return String(value);
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
