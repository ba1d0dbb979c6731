import { MAX_DIRECTORY_IDENTIFIER, MAX_FILE_IDENTIFIER } from "./layout.ts";

/** A name cut into what may be numbered and what stays behind the number. */
interface Identifier {
  readonly stem: string;
  readonly tail: string;
  /** Room for stem and number. */
  readonly room: number;
}

/** What remains of an extension when base and extension are too long together. */
const MIN_EXTENSION = 3;

function dCharacters(text: string): string {
  return text.toUpperCase().replaceAll(/[^A-Z0-9_]/gu, "_");
}

function fileIdentifier(name: string): Identifier {
  const dot = name.lastIndexOf(".");
  const base = dCharacters(dot < 0 ? name : name.slice(0, dot));
  const extension = dot < 0 ? "" : dCharacters(name.slice(dot + 1));
  const kept = extension.slice(0, Math.max(MIN_EXTENSION, MAX_FILE_IDENTIFIER - base.length));
  return { stem: base, tail: `.${kept};1`, room: MAX_FILE_IDENTIFIER - kept.length };
}

function directoryIdentifier(name: string): Identifier {
  return { stem: dCharacters(name), tail: "", room: MAX_DIRECTORY_IDENTIFIER };
}

function assemble({ stem, tail, room }: Identifier, number: string): string {
  return stem.slice(0, room - number.length) + number + tail;
}

/**
 * The primary identifiers of one directory's entries, in the order given: upper case, at most 30
 * characters and `;1` for files, 31 for directories (ECMA-119, 10.2). Where several names become one,
 * all of them are numbered from 0, as xorriso does.
 */
export function isoIdentifiers(
  entries: readonly { readonly name: string; readonly isDirectory: boolean }[],
): readonly string[] {
  const identifiers = entries.map(({ name, isDirectory }) =>
    isDirectory ? directoryIdentifier(name) : fileIdentifier(name),
  );
  const plain = identifiers.map((identifier) => assemble(identifier, ""));
  const uses = new Map<string, number>();
  for (const text of plain) uses.set(text, (uses.get(text) ?? 0) + 1);
  const taken = new Set(plain);
  const next = new Map<string, number>();
  return plain.map((text, i) => {
    if (uses.get(text) === 1) return text;
    let number = next.get(text) ?? 0;
    let numbered = assemble(identifiers[i]!, String(number));
    while (taken.has(numbered)) numbered = assemble(identifiers[i]!, String(++number));
    next.set(text, number + 1);
    taken.add(numbered);
    return numbered;
  });
}
