import { MiB } from "../../../src/bytes/align.ts";
import { concat, inline, type Recipe, read, zeros } from "../../../src/extents/index.ts";
import { noise } from "../../support/recipes.ts";
import { contents } from "../../support/tree-on-disk.ts";
import { NO_BLOBS } from "../../support/write-image.ts";
import { type NameRules, randomName } from "./names.ts";
import type { Random } from "./random.ts";

interface Named {
  readonly name: string;
}

interface FileNode {
  readonly $case: "file";
  readonly name: string;
  readonly mode: number;
  readonly content: Recipe;
}

export interface LinkNode {
  readonly $case: "symlink";
  readonly name: string;
  readonly target: string;
}

/** A node of a random tree; what a format has besides files and directories is `Other`. */
export type Node<Other extends Named = never> =
  | Other
  | FileNode
  | {
      readonly $case: "directory";
      readonly name: string;
      readonly mode: number;
      readonly children: readonly Node<Other>[];
    };

/** What a tree may be. */
export interface Shape<Other extends Named = never> {
  readonly names: NameRules;
  /** Names with equal keys cannot stand in one directory; by default the name itself. */
  readonly key?: (name: string) => string;
  /** Most entries of the whole tree. */
  readonly entries: number;
  /** Most levels of directories. */
  readonly depth: number;
  /** Bits of the modes; the owner can always read files and enter directories. */
  readonly modes: number;
  /** Sizes of allocation units, around whose multiples file sizes lie. */
  readonly units: readonly number[];
  /** Largest file that is more than zeros, in bytes. */
  readonly largest: number;
  /** A node that is neither file nor directory. */
  readonly other?: (random: Random, name: string) => Other;
}

/** Longest path in bytes: what is read back goes into a folder of the machine, whose paths end at 4096. */
const MAX_PATH_BYTES = 3500;

/** A size at or near a border of some unit, or any. */
export function randomSize(random: Random, units: readonly number[], largest: number): number {
  if (random.chance(0.2)) return random.pick([0, 0, 1, 2, 59, 60, 61]);
  if (random.chance(0.4)) return random.magnitude(largest);
  const unit = random.pick(units);
  const border = unit * (1 + random.magnitude(Math.max(0, Math.floor(largest / unit) - 1)));
  return Math.min(largest, border + random.int(-1, 1));
}

/** What a file holds in memory at most; larger ones are zeros between two such parts. */
const MAX_HELD_BYTES = 4 * MiB;

/** Contents of `size` bytes: bytes held in memory, zeros, or both in turns; the same ones come again. */
export function randomContent(random: Random, size: number): Recipe {
  const seed = random.int(1, 50);
  if (size > MAX_HELD_BYTES) {
    const part = random.int(1, MAX_HELD_BYTES / 4);
    return concat(inline(noise(part, seed)), zeros(size - 2 * part), inline(noise(part, seed + 1)));
  }
  switch (random.int(0, 4)) {
    case 0:
      return zeros(size);
    case 1: {
      const first = random.int(0, size);
      const hole = random.int(0, size - first);
      return concat(inline(noise(first, seed)), zeros(hole), inline(noise(size - first - hole, seed + 1)));
    }
    case 2:
      return inline(new Uint8Array(size).fill(65 + seed));
    default:
      return inline(noise(size, seed));
  }
}

/** A target of a symbolic link of up to `longest` bytes, without slashes at its end or doubled. */
export function randomTarget(random: Random, longest: number): string {
  const names = { longest: { bytes: 200 }, forbidden: /[/\0]/ };
  const part = (): string => (random.chance(0.3) ? random.pick([".", ".."]) : randomName(random, names));
  if (random.chance(0.3)) return "t".repeat(random.pick([1, 58, 59, 60, 61, longest - 1, longest]));
  let target = (random.chance(0.3) ? "/" : "") + part();
  for (let next = part(); random.chance(0.7); next = part()) {
    if (Buffer.byteLength(target) + 1 + Buffer.byteLength(next) <= longest) target += `/${next}`;
  }
  return target;
}

class Grower<Other extends Named> {
  readonly #random: Random;
  readonly #shape: Shape<Other>;
  #left: number;

  constructor(random: Random, shape: Shape<Other>) {
    this.#random = random;
    this.#shape = shape;
    this.#left = random.chance(0.5) ? random.magnitude(shape.entries) : random.int(0, shape.entries);
  }

  /** Entries of a directory with `room` bytes of path behind it; how many of them are directories differs by tree. */
  children(depth: number, room: number, branching: number): readonly Node<Other>[] {
    const count = this.#random.chance(0.3) ? this.#left : this.#random.magnitude(this.#left);
    this.#left -= count;
    const names = new Map<string, string>();
    for (let i = 0; i < count; i++) {
      const name = randomName(this.#random, this.#shape.names);
      if (Buffer.byteLength(name) < room) names.set(this.#shape.key?.(name) ?? name, name);
    }
    return this.#random.shuffled([...names.values()]).map((name) => this.#node(name, depth, room, branching));
  }

  /** Directories one in another, each with a few files. */
  chain(levels: number, room: number): readonly Node<Other>[] {
    const { names, modes, depth, key = String } = this.#shape;
    this.#left = this.#random.int(0, 2);
    const name = randomName(this.#random, names);
    const beside = this.children(depth, room, 0).filter((node) => key(node.name) !== key(name));
    const left = room - Buffer.byteLength(name) - 1;
    if (levels === 0 || left < 0) return beside;
    const mode = (0o700 | this.#random.int(0, modes)) & modes;
    return [...beside, { $case: "directory", name, mode, children: this.chain(levels - 1, left) }];
  }

  #node(name: string, depth: number, room: number, branching: number): Node<Other> {
    const { modes, other, units, largest } = this.#shape;
    const mode = this.#random.int(0, modes);
    if (depth < this.#shape.depth && this.#random.chance(branching)) {
      const children = this.children(depth + 1, room - Buffer.byteLength(name) - 1, branching);
      return { $case: "directory", name, mode: (mode | 0o700) & modes, children };
    }
    if (other && this.#random.chance(0.15)) return other(this.#random, name);
    const content = randomContent(this.#random, randomSize(this.#random, units, largest));
    return { $case: "file", name, mode: (mode | 0o400) & modes, content };
  }
}

/** A tree of one of several forms: a few entries, one full directory, directories in all places, or a chain of them. */
export function randomTree<Other extends Named = never>(random: Random, shape: Shape<Other>): readonly Node<Other>[] {
  const grower = new Grower(random, shape);
  if (random.chance(0.15)) return grower.chain(random.int(1, shape.depth), MAX_PATH_BYTES);
  return grower.children(0, MAX_PATH_BYTES, random.pick([0, 0.2, 0.2, 0.9]));
}

/** All nodes with their paths, directories before what they hold. */
export function* walk<Other extends Named>(
  tree: readonly Node<Other>[],
  folder = "",
): Generator<readonly [string, Node<Other>]> {
  for (const node of tree) {
    const path = folder + node.name;
    yield [path, node];
    if ("$case" in node && node.$case === "directory") yield* walk(node.children, `${path}/`);
  }
}

/** What `treeOnDisk` has to find of a tree; `modes` are the bits of the modes to compare. */
export async function expectedOnDisk(tree: readonly Node<LinkNode>[], modes: number): Promise<Map<string, string>> {
  const expected = new Map<string, string>();
  for (const [path, node] of walk<LinkNode>(tree)) {
    if (node.$case === "symlink") expected.set(path, `symlink ${(0o777 & modes).toString(8)} ${node.target}`);
    else {
      const mode = (node.mode & modes).toString(8);
      const what = node.$case === "file" ? contents(await read(node.content, NO_BLOBS)) : "";
      expected.set(path, `${node.$case} ${mode} ${what}`);
    }
  }
  return expected;
}
