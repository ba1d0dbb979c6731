import { compareText } from "../../bytes/text.ts";
import type { IndexFile, KernelLists, KernelModule, KmodRelease } from "./model.ts";
import { moduleName, normalAlias } from "./names.ts";
import { type LinkedModule, type LinkedModules, linkModules } from "./resolve.ts";
import { Index } from "./trie.ts";

export interface KmodInput {
  /** What `selectModules` chose, in any order. */
  readonly modules: readonly KernelModule[];
  readonly lists: KernelLists;
  /** Whose output is wanted, byte for byte. */
  readonly release: KmodRelease;
}

/**
 * The files depmod leaves in the folder of a kernel release, sorted by name (imager.md 5.4). Throws
 * `dependency_cycle`, `index_unsupported`.
 */
export function moduleIndexes({ modules, lists, release }: KmodInput): readonly IndexFile[] {
  const linked = linkModules(modules, lists.order, release);
  const files: [name: string, content: string | Index | undefined][] = [
    ["modules.alias", infoLines(linked, "# Aliases extracted from modules themselves.", aliasLine)],
    ["modules.alias.bin", aliasIndex(linked)],
    ["modules.builtin.alias.bin", lists.builtinModinfo && builtinAliasIndex(lists.builtinModinfo)],
    ["modules.builtin.bin", lists.builtin && builtinIndex(lists.builtin)],
    ["modules.dep", linked.modules.map((module) => `${dependencyLine(module)}\n`).join("")],
    ["modules.dep.bin", dependencyIndex(linked)],
    ["modules.devname", deviceNames(linked)],
    ["modules.softdep", infoLines(linked, "# Soft dependencies extracted from modules themselves.", softdepLine)],
    ["modules.symbols", symbolLines(linked)],
    ["modules.symbols.bin", symbolIndex(linked)],
  ];
  if (release >= 33) {
    const title = "# Weak dependencies extracted from modules themselves.";
    files.push(["modules.weakdep", infoLines(linked, title, weakdepLine)]);
  }
  files.sort(([a], [b]) => compareText(a, b));
  return files.map(([name, content]) => ({ name, bytes: encoded(content, release) }));
}

/** An index of a list that is not there is an empty file. */
function encoded(content: string | Index | undefined, release: KmodRelease): Uint8Array {
  if (content instanceof Index) return content.encode(release);
  return Buffer.from(content ?? "", "latin1");
}

function values({ facts }: LinkedModule, key: string): readonly string[] {
  return facts.info.filter((item) => item.key === key).map(({ value }) => value);
}

function aliasLine(module: LinkedModule): string[] {
  return values(module, "alias").map((alias) => `alias ${alias} ${module.name}\n`);
}

function softdepLine(module: LinkedModule): string[] {
  return values(module, "softdep").map((value) => `softdep ${module.name} ${value}\n`);
}

function weakdepLine(module: LinkedModule): string[] {
  return values(module, "weakdep").map((value) => `weakdep ${module.name} ${value}\n`);
}

function infoLines({ modules }: LinkedModules, title: string, lines: (module: LinkedModule) => string[]): string {
  return `${title}\n${modules.flatMap(lines).join("")}`;
}

function aliasIndex({ modules }: LinkedModules): Index {
  const index = new Index();
  for (const module of modules) {
    for (const alias of values(module, "alias")) {
      const key = normalAlias(alias);
      if (key !== undefined) index.insert(key, module.name, module.position);
    }
  }
  return index;
}

function dependencyLine({ path, dependencies }: LinkedModule): string {
  return [`${path}:`, ...dependencies.map((dependency) => dependency.path)].join(" ");
}

function dependencyIndex({ modules }: LinkedModules): Index {
  const index = new Index();
  for (const module of modules) index.insert(module.name, dependencyLine(module), module.position);
  return index;
}

function symbolLines({ symbols }: LinkedModules): string {
  const lines = symbols.map(({ name, owner }) => `alias symbol:${name} ${owner.name}\n`);
  return `# Aliases for symbols, used by symbol_request().\n${lines.join("")}`;
}

function symbolIndex({ symbols }: LinkedModules): Index {
  const index = new Index();
  for (const { name, owner } of symbols) index.insert(`symbol:${name}`, owner.name, owner.position);
  return index;
}

/** Device nodes whose use loads a module: its `devname:` alias and the number another of its aliases names. */
function deviceNames({ modules }: LinkedModules): string {
  const lines = modules.map(deviceLine).filter((line) => line !== undefined);
  return lines.length === 0 ? "" : `# Device nodes to trigger on-demand module loading.\n${lines.join("")}`;
}

function deviceLine(module: LinkedModule): string | undefined {
  let name: string | undefined;
  let number: string | undefined;
  for (const alias of values(module, "alias")) {
    const [, kind, major, minor] = /^(char|block)-major-(\d{1,10})-(\d{1,10})/.exec(alias) ?? [];
    if (alias.startsWith("devname:")) name = alias.slice("devname:".length);
    else if (kind) number = `${kind.charAt(0)}${Number(major)}:${Number(minor)}`;
    if (name !== undefined && number !== undefined) return `${module.name} ${name} ${number}\n`;
  }
  return undefined;
}

/** Names of what is part of the kernel; lines that do not begin with a letter are passed over. */
function builtinIndex(list: Uint8Array): Index {
  const index = new Index();
  // Each line keeps its end: depmod takes a line without a dot whole.
  for (const line of Buffer.from(list)
    .toString("latin1")
    .split(/(?<=\n)/)) {
    if (/^[A-Za-z]/.test(line)) index.insert(moduleName(line), "", 0);
  }
  return index;
}

/**
 * Aliases of what is part of the kernel, from `name.key=value` texts with a NUL behind each. As depmod reads it, a
 * text with a dot but no equals sign takes the one behind it along.
 */
function builtinAliasIndex(modinfo: Uint8Array): Index {
  const index = new Index();
  const texts = Buffer.from(modinfo).toString("latin1").split("\0");
  // What stands behind the last NUL is not complete.
  texts.pop();
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i]!;
    const dot = text.indexOf(".");
    if (dot <= 0) continue;
    const equals = text.indexOf("=", dot + 1);
    if (equals < 0) i++;
    const key = normalAlias(text.slice(equals + 1));
    const isAlias = equals > 0 && text.slice(dot + 1, equals) === "alias";
    if (isAlias && key !== undefined && key !== "") index.insert(key, text.slice(0, dot), 0);
  }
  return index;
}
