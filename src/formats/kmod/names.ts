import { compareText } from "../../bytes/text.ts";
import { KmodError, TEXT_LIMIT } from "./model.ts";

const EXTENSIONS = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"] as const;

/** Folder whose modules win over those of the same name elsewhere (imager.md 5.4: `search extras built-in`). */
const PREFERRED_FOLDER = "extras/";
/** Names depmod never looks at: the links to the kernel's sources. */
const EXCLUDED = new Set(["build", "source"]);

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** True for a file name depmod takes for a module, compressed or not. */
function isModuleName(name: string): boolean {
  return EXTENSIONS.some((extension) => name.length > extension.length && name.endsWith(extension));
}

/** Name of a module by its path: up to the first dot, dashes as underscores. */
export function moduleName(path: string): string {
  return (baseName(path).split(".")[0] ?? "").replaceAll("-", "_");
}

/** The path as `modules.order` has it: without what a compression added to the name. */
export function plainPath(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1 + moduleName(path).length + ".ko".length);
}

/** An alias as it stands in an index: dashes outside of brackets become underscores; undefined when brackets do not match. */
export function normalAlias(alias: string): string | undefined {
  const parts = alias.split(/(\[[^\]]*\])/);
  if (parts.some((part, i) => i % 2 === 0 && /[[\]]/.test(part))) return undefined;
  return parts.map((part, i) => (i % 2 === 0 ? part.replaceAll("-", "_") : part)).join("");
}

/** Depth first, by name within a folder. */
function walkOrder(a: string, b: string): number {
  return compareText(a.replaceAll("/", "\0"), b.replaceAll("/", "\0"));
}

function checkPath(path: string): void {
  if (path.length > TEXT_LIMIT || !/^[\x21-\x7e]+$/.test(path)) {
    throw new KmodError(
      "index_unsupported",
      `module ${JSON.stringify(path.slice(0, 120))}: an index holds printable ASCII without spaces only`,
    );
  }
}

/**
 * The paths of a release's folder that are its modules, in the order of a walk by name: of several with one name that
 * below `extras/` wins, else the first. Among several below `extras/` it is the last. depmod sees files in the order
 * the file system lists them, so that between equals its choice is anyone's; ours is one of those. Throws
 * `index_unsupported` for paths an index cannot hold.
 */
export function selectModules(paths: Iterable<string>): readonly string[] {
  const chosen = new Map<string, string>();
  for (const path of [...paths].sort(walkOrder)) {
    if (!isModuleName(baseName(path)) || path.split("/").some((part) => EXCLUDED.has(part))) continue;
    checkPath(path);
    const name = moduleName(path);
    if (!chosen.has(name) || path.startsWith(PREFERRED_FOLDER)) chosen.set(name, path);
  }
  return [...chosen.values()];
}
