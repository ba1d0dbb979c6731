import { FactoryError } from "../../errors.ts";
import type { Recipe } from "../../extents/index.ts";

export type UkiErrorCode = "uki_stub" | "uki_section" | "uki_too_large";

/** A stub that cannot carry a UKI, or sections that do not fit one. */
export class UkiError extends FactoryError<UkiErrorCode> {}

/** One section to append: a name of 1 to 8 ASCII characters and its bytes. Names may repeat. */
export interface UkiSection {
  readonly name: string;
  readonly content: Recipe;
}

export interface UkiInput {
  /** The first bytes of the stub, with all its headers (`PE_HEAD_BYTES` are always enough). */
  readonly stub: Uint8Array;
  /** The whole stub file. */
  readonly stubContent: Recipe;
  readonly sections: readonly UkiSection[];
  /** Seconds since 1970, an unsigned 32-bit number. */
  readonly timestamp: number;
}

/** A UKI profile: its text, its own command line if it has one, its signature if there is one. */
export interface UkiProfile {
  readonly profile: Recipe;
  readonly cmdline?: Recipe | undefined;
  readonly pcrsig?: Recipe | undefined;
}

/** What a UKI is made of besides the stub. */
export interface UkiContents {
  readonly osrel: Recipe;
  readonly cmdline: Recipe;
  /** Kernel release, left out when not known. */
  readonly uname?: Recipe | undefined;
  readonly splash: Recipe;
  readonly pcrpkey?: Recipe | undefined;
  readonly linux: Recipe;
  readonly initrd: Recipe;
  /** The main profile first; empty for releases that know no profiles. */
  readonly profiles: readonly UkiProfile[];
  /** The one signature of a UKI without profiles. */
  readonly pcrsig?: Recipe | undefined;
}

/** The sections to append in the order the boot stub and the measurements expect (imager.md 6.1). */
export function ukiSections(contents: UkiContents): readonly UkiSection[] {
  const { osrel, cmdline, uname, splash, pcrpkey, linux, initrd, profiles, pcrsig } = contents;
  const list: readonly (readonly [string, Recipe | undefined])[] = [
    [".osrel", osrel],
    [".cmdline", cmdline],
    [".uname", uname],
    [".splash", splash],
    [".pcrpkey", pcrpkey],
    [".linux", linux],
    [".initrd", initrd],
    ...profiles.flatMap((each): readonly (readonly [string, Recipe | undefined])[] => [
      [".profile", each.profile],
      [".cmdline", each.cmdline],
      [".pcrsig", each.pcrsig],
    ]),
    [".pcrsig", pcrsig],
  ];
  return list.flatMap(([name, content]) => (content ? [{ name, content }] : []));
}
