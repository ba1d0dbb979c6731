import { compareText, utf8 } from "../bytes/text.ts";
import { concat, inline, type Recipe } from "../extents/index.ts";
import { type CpioEntry, cpioArchive } from "../formats/cpio/index.ts";

/** A file that stands in the initramfs itself. */
export interface InitramfsFile {
  /** Relative to the root, without a leading slash. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly content: Recipe;
}

/** Firmware moved out of extensions, in the order of the extensions: later ones win. */
export interface FirmwareTree {
  readonly files: readonly InitramfsFile[];
  readonly directories: readonly { readonly path: string; readonly mode: number }[];
}

export interface InitramfsPlan {
  /** The release's own initramfs, used unchanged. */
  readonly base: Recipe;
  /** Extension images in processing order: `N.sqsh` or `modules.dep.sqsh`, and its squashfs. */
  readonly layers: readonly { readonly name: string; readonly squashfs: Recipe }[];
  readonly extensionsYaml: string;
  /** Microcode in the order of the extensions; parts with one path are appended to each other. */
  readonly microcode: readonly InitramfsFile[];
  /** Time of every entry, seconds since 1970. */
  readonly mtime: number;
}

const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/** The directories above `paths`, parents first, each once. */
function parentsOf(paths: readonly string[]): string[] {
  const parents = new Set<string>();
  for (const path of paths) {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) parents.add(path.slice(0, at));
  }
  return [...parents];
}

/** Depth-first, children by name: the order of a walk over the tree (imager.md 5.8). */
function walkOrder(a: CpioEntry, b: CpioEntry): number {
  return compareText(a.path.replaceAll("/", "\0"), b.path.replaceAll("/", "\0"));
}

/** The archive the kernel searches for microcode before it unpacks anything; uncompressed and first. */
function microcodeArchive(parts: readonly InitramfsFile[], mtime: number): Recipe | undefined {
  if (parts.length === 0) return undefined;
  const bodies = new Map<string, Recipe>();
  for (const { path, content } of parts) {
    const before = bodies.get(path);
    bodies.set(path, before ? concat(before, content) : content);
  }
  const files = [...bodies].map(([path, body]): CpioEntry => ({ $case: "file", path, mode: FILE_MODE, mtime, body }));
  const directories = parentsOf([...bodies.keys()]).map(
    (path): CpioEntry => ({ $case: "directory", path, mode: DIRECTORY_MODE, mtime }),
  );
  return cpioArchive([...files, ...directories].sort(walkOrder));
}

/**
 * The archive of all firmware, uncompressed; it is compressed by a derivation of its own, shared by all schematics
 * with the same firmware. Missing parents take the mode of the firmware folder (imager.md 5.5).
 */
export function firmwareArchive(
  trees: readonly FirmwareTree[],
  firmwarePath: string,
  mtime: number,
): Recipe | undefined {
  const files = new Map<string, InitramfsFile>();
  const modes = new Map<string, number>();
  for (const tree of trees) {
    // A file that is there keeps its mode when another is written over it.
    for (const file of tree.files) files.set(file.path, { ...file, mode: files.get(file.path)?.mode ?? file.mode });
    for (const { path, mode } of tree.directories) if (!modes.has(path)) modes.set(path, mode);
  }
  if (files.size === 0 && modes.size === 0) return undefined;
  const inherited = modes.get(firmwarePath.slice(1)) ?? DIRECTORY_MODE;
  for (const path of parentsOf([...files.keys(), ...modes.keys()])) {
    if (!modes.has(path)) modes.set(path, inherited);
  }
  const entries: CpioEntry[] = [];
  for (const [path, mode] of modes) entries.push({ $case: "directory", path, mode, mtime });
  for (const { path, mode, content } of files.values())
    entries.push({ $case: "file", path, mode, mtime, body: content });
  return cpioArchive(entries.sort(walkOrder));
}

/** The pieces of an initramfs in the order they stand in it. */
export interface InitramfsParts {
  /** What the kernel searches for microcode, as it is; undefined when there is none. */
  readonly early: Recipe | undefined;
  readonly base: Recipe;
  /** One archive per file, each to be framed by the compression of the release: its file is compressed already, or tiny. */
  readonly segments: readonly Recipe[];
}

/**
 * The initramfs of a schematic (imager.md 5.8, 5.9): microcode, the base unchanged, then one segment per extension, so
 * that schematics share them, with `extensions.yaml` by its name between them. The firmware archive follows. The kernel
 * unpacks any number of archives in a row.
 */
export function initramfsParts({ base, layers, extensionsYaml, microcode, mtime }: InitramfsPlan): InitramfsParts {
  const files = [
    ...layers.map(({ name, squashfs }) => ({ name, body: squashfs })),
    { name: "extensions.yaml", body: inline(utf8(extensionsYaml)) },
  ].sort((a, b) => compareText(a.name, b.name));
  return {
    early: microcodeArchive(microcode, mtime),
    base,
    segments: files.map(({ name, body }) => cpioArchive([{ $case: "file", path: name, mode: FILE_MODE, mtime, body }])),
  };
}
