/** Anchors, tags and directives (YAML 1.1 chapters 3.2.2, 4.2 and 4.3). */
import { type Cursor, isBlank, isBreak, isSpaceOrEnd } from "./yaml-cursor.ts";
import { yamlError } from "./yaml-node.ts";

/** The name behind `&` or `*`: ASCII but for flow indicators, with colons only inside. Throws `yaml_invalid`. */
export function scanAnchor(cursor: Cursor): string {
  cursor.pos++;
  let name = "";
  for (;;) {
    const part = cursor.take(/[!-+\--9;-Z\\^-z|~]+|:+(?=[!-+\--9;-Z\\^-z|~])/y);
    if (part === "") break;
    name += part;
  }
  if (name === "" || !(isSpaceOrEnd(cursor.char) || /[:,\]}]/.test(cursor.char))) {
    throw yamlError("did not find expected alphabetic or numeric character", cursor.line);
  }
  return name;
}

interface Tag {
  /** The handle, `!` or `!name!`; empty when `suffix` is the whole tag, as in `!<...>` or a lone `!`. */
  readonly text: string;
  readonly suffix: string;
}

const URI = /[-0-9A-Za-z_;/?:@&=+$.!~*'()%,[\]{}]*/y;
/** What flow collections are made of ends a tag in its short form. */
const SHORT_URI = /[-0-9A-Za-z_;/?:@&=+$.!~*'()%]*/y;

/** A tag with the cursor on its `!`. Throws `yaml_invalid`. */
export function scanTag(cursor: Cursor, inFlow: boolean): Tag {
  const tag = cursor.at(1) === "<" ? verbatimTag(cursor) : shortTag(cursor, inFlow);
  if (isSpaceOrEnd(cursor.char) || (inFlow && /[,\]}]/.test(cursor.char))) return tag;
  throw yamlError("did not find expected whitespace or line break", cursor.line);
}

function verbatimTag(cursor: Cursor): Tag {
  cursor.pos += 2;
  const suffix = takeUri(cursor, URI, true);
  if (cursor.char !== ">") throw yamlError("did not find the expected '>'", cursor.line);
  cursor.pos++;
  return { text: "", suffix };
}

function shortTag(cursor: Cursor, inFlow: boolean): Tag {
  const handle = cursor.take(/![-0-9A-Za-z_]*!?/y);
  const named = handle.length > 1 && handle.endsWith("!");
  const rest = takeUri(cursor, SHORT_URI, false);
  const { char } = cursor;
  if (/[!-~]/.test(char) && !(inFlow && /[,[\]{}]/.test(char))) {
    throw yamlError(`found character '${char}' that is not allowed in a YAML tag`, cursor.line);
  }
  if (named && rest === "") throw yamlError("did not find expected tag URI", cursor.line);
  if (named) return { text: handle, suffix: rest };
  const suffix = handle.slice(1) + rest;
  return suffix === "" ? { text: "", suffix: "!" } : { text: "!", suffix };
}

function takeUri(cursor: Cursor, allowed: RegExp, required: boolean): string {
  const uri = cursor.take(allowed);
  if (required && uri === "") throw yamlError("did not find expected tag URI", cursor.line);
  try {
    return decodeURIComponent(uri);
  } catch (cause) {
    throw yamlError("did not find URI escaped octet", cursor.line, cause);
  }
}

/** A directive: `%YAML` with its version, or `%TAG` with a handle and the prefix it stands for. */
export interface Directive extends Tag {
  readonly kind: "version" | "tag-prefix";
}

/** A directive and its line with the cursor on the `%`. Throws `yaml_invalid`. */
export function scanDirective(cursor: Cursor): Directive {
  cursor.pos++;
  const name = cursor.take(/[-0-9A-Za-z_]*/y);
  if (name === "") throw yamlError("could not find expected directive name", cursor.line);
  if (!isSpaceOrEnd(cursor.char)) throw yamlError("found unexpected non-alphabetical character", cursor.line);
  if (name !== "YAML" && name !== "TAG") throw yamlError("found unknown directive name", cursor.line);
  cursor.takeBlanks();
  const directive = name === "YAML" ? version(cursor) : tagPrefix(cursor);
  if (cursor.takeBlanks() === "" && cursor.char === "#") {
    throw yamlError("found a comment without preceding whitespace", cursor.line);
  }
  cursor.take(/#[^\n\u2028\u2029]*/y);
  if (cursor.char !== "" && !isBreak(cursor.char)) {
    throw yamlError("did not find expected comment or line break", cursor.line);
  }
  cursor.takeBreak();
  return directive;
}

function version(cursor: Cursor): Directive {
  const major = versionNumber(cursor);
  if (cursor.char !== ".") throw yamlError("did not find expected digit or '.' character", cursor.line);
  cursor.pos++;
  return { kind: "version", text: `${major}.${versionNumber(cursor)}`, suffix: "" };
}

function versionNumber(cursor: Cursor): number {
  const digits = cursor.take(/[0-9]*/y);
  if (digits === "") throw yamlError("did not find expected version number", cursor.line);
  if (digits.length > 2) throw yamlError("found extremely long version number", cursor.line);
  return Number(digits);
}

function tagPrefix(cursor: Cursor): Directive {
  const text = cursor.take(/![-0-9A-Za-z_]*!?/y);
  if (text !== "!" && !/^!.*!$/.test(text)) throw yamlError("did not find expected '!'", cursor.line);
  if (!isBlank(cursor.char)) throw yamlError("did not find expected whitespace", cursor.line);
  cursor.takeBlanks();
  const suffix = takeUri(cursor, URI, true);
  if (!isSpaceOrEnd(cursor.char)) throw yamlError("did not find expected whitespace or line break", cursor.line);
  return { kind: "tag-prefix", text, suffix };
}
