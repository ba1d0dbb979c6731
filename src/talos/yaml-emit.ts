/**
 * Canonical YAML: the one spelling whose digest is a schematic's id (factory.md 2.3, 2.4). Block style, indent 4, dashes indented
 * under their key, no folding. Written from the rules, not with a library, because libraries change their minds.
 */
import { looksTyped } from "./yaml-scalar.ts";
import type { YamlMap, YamlValue } from "./yaml-value.ts";

const INDENT = 4;
/** A dash and the space behind it. */
const DASH = 2;
/** Keys longer than this, in bytes, take the explicit form. */
const MAX_SIMPLE_KEY = 128;

/**
 * A map as a whole document, each line ended by LF. `width` is the column behind which one-line values are folded at spaces;
 * canonical text is never folded.
 */
export function emitYaml(map: YamlMap, width = Number.POSITIVE_INFINITY): string {
  return map.entries.length === 0 ? "{}\n" : emitMap(map, 0, width);
}

/** Where the content of a key at `column` stands: the next multiple of four, also below a dash. */
function below(column: number): number {
  return (Math.floor(column / INDENT) + 1) * INDENT;
}

function pad(column: number): string {
  return " ".repeat(column);
}

function emitMap(map: YamlMap, column: number, width: number): string {
  return map.entries
    .map(([key, value]) => {
      const text = emitScalar(key, column, DASH);
      const simple = !text.includes("\n") && Buffer.byteLength(keyText(key)) <= MAX_SIMPLE_KEY;
      if (!simple) return `${pad(column)}? ${text}\n${pad(column)}:${emitInline(value, column, width)}`;
      return `${pad(column)}${text}:${emitBelowKey(value, column, text.length + 2, width)}`;
    })
    .join("");
}

function keyText(key: YamlValue): string {
  return "value" in key ? String(key.value) : "";
}

/** `lead` is how many columns the key takes, its colon and the space included. */
function emitBelowKey(value: YamlValue, column: number, lead: number, width: number): string {
  const inner = below(column);
  if (value.$case === "map" && value.entries.length > 0) return `\n${emitMap(value, inner, width)}`;
  if (value.$case === "seq" && value.items.length > 0) return `\n${emitSeq(value.items, inner, width)}`;
  return ` ${fold(emitScalar(value, column, inner - column), column + lead, inner, width)}\n`;
}

function emitSeq(items: readonly YamlValue[], column: number, width: number): string {
  return items.map((item) => `${pad(column)}-${emitInline(item, column, width)}`).join("");
}

/** A value behind a dash or the colon of an explicit key: collections start on the same line. */
function emitInline(value: YamlValue, column: number, width: number): string {
  const inner = column + DASH;
  if (value.$case === "map" && value.entries.length > 0) return ` ${emitMap(value, inner, width).slice(inner)}`;
  if (value.$case === "seq" && value.items.length > 0) return ` ${emitSeq(value.items, inner, width).slice(inner)}`;
  return ` ${fold(emitScalar(value, column, DASH), inner, inner, width)}\n`;
}

/** Breaks a one-line value that starts at column `start` at single spaces behind `width`; lines continue at `indent`. */
function fold(text: string, start: number, indent: number, width: number): string {
  if (start + text.length <= width || text.includes("\n")) return text;
  const runes = [...text];
  const quoted = text.startsWith('"') || text.startsWith("'");
  let column = start;
  let out = "";
  for (const [i, rune] of runes.entries()) {
    const inner = !quoted || (i > 1 && i < runes.length - 2);
    const next = runes[i + 1];
    const breakable = rune === " " && runes[i - 1] !== " " && column > width && inner;
    if (breakable && (next !== " " || text.startsWith('"'))) {
      // Only double quotes can keep a space at the start of a line, behind a backslash.
      out += `\n${pad(indent)}${next === " " ? "\\" : ""}`;
      column = indent;
    } else {
      out += rune;
      column++;
    }
  }
  return out;
}

/** A value on one line, or a literal block whose text stands `step` columns right of `column`. */
function emitScalar(value: YamlValue, column: number, step: number): string {
  switch (value.$case) {
    case "null":
      return "null";
    case "bool":
    case "int":
      return String(value.value);
    case "timestamp":
      return value.value;
    case "float":
      return emitFloat(value.value);
    case "binary":
      return `!!binary ${value.base64}`;
    case "seq":
      return "[]";
    case "map":
      return "{}";
    case "string":
      return emitString(value.value, column, step);
  }
}

/** Shortest digits that read back the same; an exponent from 10^6 on and below 10^-4. */
function emitFloat(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  if (Object.is(value, -0)) return "-0";
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (value === 0 || (power >= -4 && power < 6)) return String(value);
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** What double quotes are needed for; a line feed alone is not (it makes a literal block). */
const SPECIAL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufeff\ufffe\uffff]|[\u{10000}-\u{10ffff}]/u;
const PLAIN_FORBIDDEN = /^[ #,[\]{}&*!|>'"%@`]| $|^[-?:](?: |$)|: |:$| #|^---|^\.\.\./;
/** Besides LF, what ends a line for YAML 1.1 and may stand raw. */
const RAW_BREAK = /[\u2028\u2029]/;

function emitString(text: string, column: number, step: number): string {
  if (text === "") return '""';
  if (SPECIAL.test(text)) return emitDoubleQuoted(text);
  if (text.includes("\n")) {
    return /[^\s]/.test(text) ? emitLiteral(text, column, step) : emitDoubleQuoted(text);
  }
  if (looksTyped(text) || text.includes("\t")) return emitDoubleQuoted(text);
  if (PLAIN_FORBIDDEN.test(text) || RAW_BREAK.test(text)) return emitSingleQuoted(text, column + step);
  return text;
}

/** A raw break is followed by the indentation of the line it starts. */
function emitSingleQuoted(text: string, column: number): string {
  const broken = text.replace(/([\u2028\u2029])(?![\u2028\u2029]|$)/g, `$1${pad(column)}`);
  return `'${broken.replaceAll("'", "''")}'`;
}

function emitLiteral(text: string, column: number, step: number): string {
  const digit = /^\n*[ \t]/.test(text) ? String(step) : "";
  const end = /\n*$/.exec(text)![0].length;
  const chomp = end === 0 ? "-" : end === 1 ? "" : "+";
  const body = text.replace(/[^\n\u2028\u2029]+/g, (line) => pad(column + step) + line);
  return `|${digit}${chomp}\n${end === 0 ? body : body.slice(0, -1)}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\u0007": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\u001b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\u0085": "\\N",
  "\u2028": "\\L",
  "\u2029": "\\P",
};
const ESCAPED = /[\u0000-\u001f"\\\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]|[\u{10000}-\u{10ffff}]/gu;

function emitDoubleQuoted(text: string): string {
  // The reference also escapes whatever follows a leading byte order mark; ids depend on it.
  const [first, second] = [...text];
  const forced = first === "\ufeff" && second !== undefined ? escapeRune(second) : "";
  const rest = forced === "" ? text : text.slice(first!.length + second!.length);
  const start = forced === "" ? "" : `\\uFEFF${forced}`;
  return `"${start}${rest.replace(ESCAPED, escapeRune)}"`;
}

function escapeRune(rune: string): string {
  const known = ESCAPES[rune];
  if (known !== undefined) return known;
  const code = rune.codePointAt(0)!;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
