/** Long flags in GNU style, as the reference's command line takes them (imager.md 2.1). */
import { CliError } from "./errors.ts";

/** A text counts as given last, a list keeps every value as it is, a switch stands alone or with `=` and a truth word. */
export type FlagKind = "text" | "list" | "switch";

export interface ParsedFlags<Name extends string> {
  /** The arguments that are no flags. */
  readonly positional: readonly string[];
  /** The value given last. */
  text(name: Name): string | undefined;
  /** All values in their order. */
  list(name: Name): readonly string[];
  switch(name: Name): boolean;
}

/** What Go's `strconv.ParseBool` takes. */
const TRUTH: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((word) => [word, false] as const),
]);

function usage(message: string): CliError {
  return new CliError("usage_invalid", message);
}

/**
 * Sorts arguments into flags and others. A value may follow its flag, whatever it begins with, or an `=`; `--` ends the flags,
 * `-` is no flag, and `shorthands` are single letters for switches. Throws `usage_invalid`.
 */
export function parseFlags<Name extends string>(
  args: readonly string[],
  flags: Readonly<Record<Name, FlagKind>>,
  shorthands: Readonly<Record<string, NoInfer<Name>>>,
): ParsedFlags<Name> {
  const values = new Map<string, string[]>();
  const positional: string[] = [];
  const give = (name: string, value: string): void => void values.set(name, [...(values.get(name) ?? []), value]);
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") positional.push(...rest.splice(0));
    else if (arg.startsWith("--")) {
      const [, name = "", value] = /^--([^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
      if (name === "" || name.startsWith("-")) throw usage(`bad flag syntax: ${arg}`);
      if (!Object.hasOwn(flags, name)) throw usage(`unknown flag: --${name}`);
      const isSwitch = flags[name as Name] === "switch";
      const given = value ?? (isSwitch ? "true" : rest.shift());
      if (given === undefined) throw usage(`flag needs an argument: --${name}`);
      if (isSwitch && !TRUTH.has(given)) throw usage(`--${name}: ${JSON.stringify(given)} is neither true nor false`);
      give(name, given);
    } else if (arg.startsWith("-") && arg !== "-") {
      for (const letter of arg.slice(1)) {
        if (!Object.hasOwn(shorthands, letter)) throw usage(`unknown shorthand flag: '${letter}' in ${arg}`);
        give(shorthands[letter]!, "true");
      }
    } else positional.push(arg);
  }
  return {
    positional,
    text: (name) => values.get(name)?.at(-1),
    list: (name) => values.get(name) ?? [],
    switch: (name) => TRUTH.get(values.get(name)?.at(-1) ?? "") ?? false,
  };
}
