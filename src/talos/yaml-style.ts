/** How strings are written in canonical YAML (factory.md 2.3). */
import { looksTyped } from "./yaml-scalar.ts";

export type ScalarStyle = "plain" | "single" | "double" | "literal";

/** What only double quotes can hold. Line feeds and tabs are not among it: a literal block holds them. */
const SPECIAL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufeff\ufffe\uffff]|[\u{10000}-\u{10ffff}]/u;
const PLAIN_FORBIDDEN = /^[ #,[\]{}&*!|>'"%@`]| $|^[-?:](?: |$)|: |:$| #|^---|^\.\.\.|[\u2028\u2029]/;
/** A tab, or a space beside a raw line break, where readers would drop it. */
const SINGLE_FORBIDDEN = /\t| [\u2028\u2029]|[\u2028\u2029] /;
/** White space as Unicode has it, which is not quite that of `\s`. */
const ONLY_SPACE = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

/** The style of a string as a key, a value or an item. */
export function styleOf(text: string): ScalarStyle {
  if (SPECIAL.test(text)) return "double";
  if (text.includes("\n")) return ONLY_SPACE.test(text) ? "double" : "literal";
  if (looksTyped(text) || SINGLE_FORBIDDEN.test(text)) return "double";
  return PLAIN_FORBIDDEN.test(text) ? "single" : "plain";
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
  "\u00a0": "\\_",
  "\u2028": "\\L",
  "\u2029": "\\P",
};
const ESCAPED = /[\u0000-\u001f"\\\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]|[\u{10000}-\u{10ffff}]/gu;

/** A string in double quotes. The reference escapes all of a text that starts with a byte order mark; ids depend on it. */
export function doubleQuoted(text: string): string {
  return `"${text.replace(text.startsWith("\ufeff") ? /./gsu : ESCAPED, escapeRune)}"`;
}

function escapeRune(rune: string): string {
  const known = ESCAPES[rune];
  if (known !== undefined) return known;
  const code = rune.codePointAt(0)!;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** Columns of base64 in a block. */
const BASE64_WIDTH = 70;

/** Base64 as it is printed: on one line if that is short, else in lines each of which is ended. */
export function binaryLines(base64: string): string {
  return base64.length < BASE64_WIDTH ? base64 : base64.replace(/.{1,70}/g, "$&\n");
}
