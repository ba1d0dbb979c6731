import type { Random } from "./random.ts";

/** What a format takes for a name. */
export interface NameRules {
  /** Longest name: UTF-16 units, or bytes of UTF-8. */
  readonly longest: { readonly units: number } | { readonly bytes: number };
  /** Matches a single character no name may have. */
  readonly forbidden: RegExp;
  /** Matches whole names that cannot be, besides the empty one, `.` and `..`. */
  readonly refused?: RegExp;
}

/** What POSIX file systems take. */
export const POSIX_NAMES: NameRules = { longest: { bytes: 255 }, forbidden: /[/\0]/ };

/** One character of each encoded length, composed and decomposed, both directions, and what shells and old readers trip over. */
const ALPHABETS: readonly (readonly string[])[] = [
  [..."abcdefghijklmnopqrstuvwxyz0123456789-_."],
  [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"],
  [..."aAbBcC.~1"],
  [..." !\"#$%&'()*+,-.:;<=>?@[\\]^_`{|}~"],
  [..."äöüéèñçøåÄÖÜžš", "e\u0301", "a\u0308"],
  [..."日本語中文字한국어ファイル"],
  [..."файлЖЩабв", ..."αβγΩ", ..."שלום"],
  [..."😀🚀𝒳𠀀", "👩\u200d🚀"],
  ["a", "\n", "\t", "\x01", "\x7f", "\x1b", "b"],
];
/** Names that mean something to someone. */
const SPECIAL = [
  ...["CON", "nul.txt", "LPT1", "AUX.tar.gz", "TRAILER!!!", "lost+found", "boot.catalog", "BOOT.CAT", "-rf", "--", "~"],
  ...[".hidden", "...", "..a", ".a.b", "a.", "a ", " a", "A~1", "LONGNA~1.TXT", "LONGNA~2", "_~1", "README.md", "a;1"],
];
/** Beginnings that leave short names with little to tell them apart. */
const STEMS = ["longname", "LongName", "long name ", "longna", "EFI", "vmlinuz-6.12.", "a.b.c.", "x"];
const EXTENSIONS = ["", ".txt", ".TXT", ".Txt", ".text", ".conf", ".efi", ".tar.gz"];

function letters(random: Random, length: number): string {
  const alphabet = random.pick(ALPHABETS);
  return random.list(length, () => random.pick(alphabet)).join("");
}

function raw(random: Random): string {
  switch (random.int(0, 9)) {
    case 0:
      return letters(random, random.int(1, 8)) + random.pick(EXTENSIONS);
    case 1:
    case 2:
      return random.pick(STEMS) + random.int(0, 99) + random.pick(EXTENSIONS);
    case 3:
      return random.pick(SPECIAL);
    case 6:
      // What a writer of 8.3 names may have chosen itself for one of those above.
      return `${random.pick(["LONGNA", "longna", "VMLINU", "VMLIN"])}~${random.int(1, 20)}${random.pick(EXTENSIONS)}`;
    case 4:
      return letters(random, random.pick([11, 12, 13, 14, 25, 26, 27, 29, 30, 31, 32, 39]));
    case 5:
      return random.chance(0.3) ? letters(random, 255) : letters(random, random.int(40, 255));
    default:
      return letters(random, random.int(1, 20));
  }
}

function lengthOf(name: string, longest: NameRules["longest"]): number {
  return "units" in longest ? name.length : Buffer.byteLength(name);
}

/** A name within the rules, often one at their border. */
export function randomName(random: Random, { longest, forbidden, refused }: NameRules): string {
  const limit = "units" in longest ? longest.units : longest.bytes;
  for (;;) {
    const characters = [...raw(random)].filter((character) => !forbidden.test(character));
    while (lengthOf(characters.join(""), longest) > limit) characters.pop();
    const name = characters.join("");
    if (name !== "" && name !== "." && name !== ".." && !refused?.test(name)) return name;
  }
}
