import { LOWER_CASE_BASE, LOWER_CASE_EXTENSION } from "./layout.ts";
import { FatError } from "./model.ts";

/** How a name is stored: the 11 bytes of the short entry, its case bits, and whether long entries precede it. */
export interface StoredName {
  /** Base padded to 8 and extension, upper case, without the dot. */
  readonly short: string;
  readonly caseBits: number;
  readonly long: boolean;
}

/** Characters a short name may have (FAT spec 1.03, "FAT Directory Structure"), as a character class body. */
const SHORT_CHARACTERS = "A-Z0-9$%'\\-_@~`!(){}^#&";
const FITS_8_3 = new RegExp(`^([${SHORT_CHARACTERS}a-z]{1,8})(?:\\.([${SHORT_CHARACTERS}a-z]{1,3}))?$`);
const NOT_SHORT = new RegExp(`[^${SHORT_CHARACTERS}]`, "gu");
/** `~` and a number take at most this many of the 8 characters. */
const MAX_TAIL_NUMBER = 999_999;

type LetterCase = "upper" | "lower" | "mixed";

function letterCase(text: string): LetterCase {
  if (text === text.toUpperCase()) return "upper";
  return text === text.toLowerCase() ? "lower" : "mixed";
}

/** The short name of a name that fits 8.3 in some case; undefined when a `~n` name is needed. */
function plainName(name: string): StoredName | undefined {
  const match = FITS_8_3.exec(name);
  if (!match) return undefined;
  const [, base = "", extension = ""] = match;
  const cases = [letterCase(base), letterCase(extension)];
  const short = base.toUpperCase().padEnd(8) + extension.toUpperCase();
  if (cases.includes("mixed")) return { short, caseBits: 0, long: true };
  const caseBits = (cases[0] === "lower" ? LOWER_CASE_BASE : 0) | (cases[1] === "lower" ? LOWER_CASE_EXTENSION : 0);
  return { short, caseBits, long: false };
}

function shortPart(text: string): string {
  return text.replaceAll(/[. ]/g, "").toUpperCase().replaceAll(NOT_SHORT, "_");
}

/** Chooses `~n` names: base cut to make room, extension cut to 3, n counting up from 1 past what is taken. */
class Numbering {
  readonly #taken: Set<string>;
  /** Where to go on counting for each base and extension, so that a full directory stays linear. */
  readonly #next = new Map<string, number>();

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  take(name: string): string {
    const visible = name.replace(/^[. ]+/, "");
    const dot = visible.lastIndexOf(".");
    const base = shortPart(dot > 0 ? visible.slice(0, dot) : visible) || "_";
    const extension = dot > 0 ? shortPart(visible.slice(dot + 1)).slice(0, 3) : "";
    const key = `${base.slice(0, 6)}.${extension}`;
    for (let n = this.#next.get(key) ?? 1; n <= MAX_TAIL_NUMBER; n++) {
      const tail = `~${n}`;
      const short = (base.slice(0, 8 - tail.length) + tail).padEnd(8) + extension;
      if (this.#taken.has(short)) continue;
      this.#next.set(key, n + 1);
      this.#taken.add(short);
      return short;
    }
    throw new FatError("directory_too_large", `fat: ${name}: no short name is left in its directory`);
  }
}

/**
 * The stored names of one directory, in the order given (outputs.md 2.8). Names that fit 8.3 keep
 * their own short name, so numbered ones are chosen around them. Throws `name_duplicate` when two
 * names differ in case only; `path` names the directory in that message.
 */
export function storedNames(names: readonly string[], path: string): readonly StoredName[] {
  const seen = new Set<string>();
  for (const name of names) {
    const folded = name.toUpperCase();
    if (seen.has(folded))
      throw new FatError("name_duplicate", `fat: ${path}${name}: a name that differs only in case exists`);
    seen.add(folded);
  }
  const plain = names.map(plainName);
  const numbering = new Numbering(plain.flatMap((stored) => (stored ? [stored.short] : [])));
  return names.map((name, i) => plain[i] ?? { short: numbering.take(name), caseBits: 0, long: true });
}
