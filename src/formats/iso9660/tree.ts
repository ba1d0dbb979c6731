import { compareText } from "../../bytes/text.ts";
import { type Recipe, zeros } from "../../extents/index.ts";
import { BLOCK_BYTES, MAX_DIRECTORIES } from "./layout.ts";
import {
  CATALOG_NAME,
  checkMode,
  checkName,
  checkTarget,
  DEFAULT_DIRECTORY_MODE,
  DEFAULT_FILE_MODE,
  DEFAULT_LINK_MODE,
  type IsoEntry,
  IsoError,
  type IsoImage,
  MAX_DEPTH,
} from "./model.ts";
import { isoIdentifiers } from "./names.ts";

/** A directory with its primary identifier; children stand in the order of theirs (ECMA-119, 9.3). */
export interface IsoDirectory {
  readonly $case: "directory";
  readonly name: string;
  readonly identifier: string;
  readonly mode: number;
  readonly children: readonly IsoNode[];
}

/**
 * A file; the boot catalog is the one without content, which is known only when all blocks are. A symbolic link is an empty
 * file with a target.
 */
export interface IsoFile {
  readonly $case: "file";
  readonly name: string;
  readonly identifier: string;
  readonly mode: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly content: Recipe | undefined;
  readonly target?: string;
}

export type IsoNode = IsoDirectory | IsoFile;

type Source = IsoEntry | { readonly $case: "catalog"; readonly name: string };

function checkNames(sources: readonly Source[], folder: string): void {
  for (const [i, { name }] of sources.entries()) {
    checkName(name, folder + name);
    if (name === sources[i - 1]?.name) throw new IsoError("name_duplicate", `iso9660: ${folder}${name}: exists twice`);
  }
}

function node(source: Source, identifier: string, folder: string, depth: number): IsoNode {
  const { name } = source;
  const path = folder + name;
  switch (source.$case) {
    case "directory": {
      const mode = checkMode(source.mode ?? DEFAULT_DIRECTORY_MODE, path);
      return { $case: "directory", name, identifier, mode, children: nodes(source.children, `${path}/`, depth + 1) };
    }
    case "file": {
      const mode = checkMode(source.mode ?? DEFAULT_FILE_MODE, path);
      const { content } = source;
      return { $case: "file", name, identifier, mode, path, sizeBytes: content.size, content };
    }
    case "symlink": {
      const mode = checkMode(source.mode ?? DEFAULT_LINK_MODE, path);
      const target = checkTarget(source.target, path);
      return { $case: "file", name, identifier, mode, path, sizeBytes: 0, content: zeros(0), target };
    }
    case "catalog":
      return {
        $case: "file",
        name,
        identifier,
        mode: DEFAULT_FILE_MODE,
        path,
        sizeBytes: BLOCK_BYTES,
        content: undefined,
      };
  }
}

function nodes(sources: readonly Source[], folder: string, depth: number): readonly IsoNode[] {
  if (depth > MAX_DEPTH) throw new IsoError("too_deep", `iso9660: ${folder}: deeper than ${MAX_DEPTH} directories`);
  const sorted = sources.toSorted((a, b) => compareText(a.name, b.name));
  checkNames(sorted, folder);
  const identifiers = isoIdentifiers(sorted.map(({ name, $case }) => ({ name, isDirectory: $case === "directory" })));
  return sorted
    .map((source, i) => node(source, identifiers[i]!, folder, depth))
    .toSorted((a, b) => compareText(a.identifier, b.identifier));
}

/** The tree of an image with its boot catalog. Throws `IsoError` for names, modes and depths. */
export function isoTree(image: IsoImage): IsoDirectory {
  const catalog: Source = { $case: "catalog", name: CATALOG_NAME };
  return {
    $case: "directory",
    name: "",
    identifier: "\0",
    mode: checkMode(image.rootMode ?? DEFAULT_DIRECTORY_MODE, "/"),
    children: nodes([...image.tree, catalog], "/", 0),
  };
}

/** A directory in path table order; `parent` is an index into that list, the root being its own. */
export interface NumberedDirectory {
  readonly directory: IsoDirectory;
  readonly parent: number;
}

/** All directories by level, then parent, then identifier (ECMA-119, 6.9.1). Throws `too_many_directories`. */
export function pathOrder(root: IsoDirectory): readonly NumberedDirectory[] {
  const list: NumberedDirectory[] = [{ directory: root, parent: 0 }];
  for (let i = 0; i < list.length; i++) {
    for (const child of list[i]!.directory.children) {
      if (child.$case === "directory") list.push({ directory: child, parent: i });
    }
    if (list.length > MAX_DIRECTORIES) {
      throw new IsoError("too_many_directories", `iso9660: more than ${MAX_DIRECTORIES} directories`);
    }
  }
  return list;
}

/** All files, depth-first in identifier order; their bodies are written in this order. */
export function* filesOf(directory: IsoDirectory): Generator<IsoFile> {
  for (const child of directory.children) {
    if (child.$case === "file") yield child;
    else yield* filesOf(child);
  }
}
