import {
  type KernelModule,
  KmodError,
  type KmodRelease,
  MODULES_LIMIT,
  type ModuleFacts,
  TEXT_LIMIT,
} from "./model.ts";
import { moduleName, plainPath } from "./names.ts";
import { tableOrder } from "./table.ts";

/** Sizes of depmod's tables (kmod: tools/depmod.c); they decide the order of what no list orders. */
const MODULE_BUCKETS = 512;
const SYMBOL_BUCKETS = 2048;

/** A module among the others. */
export interface LinkedModule {
  readonly name: string;
  readonly path: string;
  readonly facts: ModuleFacts;
  /** Position in the order modules are tried; the priority of what leads to it. */
  readonly position: number;
  /** All it needs, directly or not, each before its own dependencies. */
  readonly dependencies: readonly LinkedModule[];
}

export interface LinkedModules {
  /** By position. */
  readonly modules: readonly LinkedModule[];
  /** Who exports a symbol, in table order. */
  readonly symbols: readonly { readonly name: string; readonly owner: LinkedModule }[];
}

interface Vertex {
  readonly name: string;
  readonly path: string;
  readonly facts: ModuleFacts;
  readonly position: number;
  readonly direct: Set<Vertex>;
  /** Place in an order in which all come before what they need. */
  rank: number;
  dependencies: Vertex[];
}

/**
 * Finds out what needs what. Modules listed in `order` come first, in its order, the others in table order.
 * Throws `dependency_cycle`; `index_unsupported` for two modules of one name or more than 65534.
 */
export function linkModules(
  modules: readonly KernelModule[],
  order: Uint8Array | undefined,
  release: KmodRelease,
): LinkedModules {
  const vertices = ordered(modules, order, release).map(
    ({ path, facts }, position): Vertex => ({
      name: moduleName(path),
      path,
      facts,
      position,
      direct: new Set(),
      rank: -1,
      dependencies: [],
    }),
  );
  const owners = new Map<string, Vertex>();
  for (const vertex of vertices) for (const name of vertex.facts.exports) owners.set(name, vertex);
  for (const vertex of vertices) {
    for (const symbol of vertex.facts.needs) {
      const owner = owners.get(symbol.startsWith(".") ? symbol.slice(1) : symbol);
      if (owner) vertex.direct.add(owner);
    }
  }
  rank(vertices);
  for (const vertex of vertices) vertex.dependencies = reachable(vertex);
  const names = tableOrder(owners.keys(), SYMBOL_BUCKETS);
  return { modules: vertices, symbols: names.map((name) => ({ name, owner: owners.get(name)! })) };
}

function ordered(
  modules: readonly KernelModule[],
  order: Uint8Array | undefined,
  release: KmodRelease,
): readonly KernelModule[] {
  if (modules.length > MODULES_LIMIT) throw new KmodError("index_unsupported", `${modules.length} modules`);
  const byName = new Map(modules.map((module) => [moduleName(module.path), module]));
  if (byName.size !== modules.length) throw new KmodError("index_unsupported", "two modules have one name");
  const table = tableOrder(byName.keys(), MODULE_BUCKETS).map((name) => byName.get(name)!);
  const ranks = order && orderRanks(order, release);
  if (!ranks) return table;
  const rankOf = ({ path }: KernelModule): number => ranks.get(plainPath(path)) ?? Number.POSITIVE_INFINITY;
  const listed = table.filter((module) => ranks.has(plainPath(module.path)));
  const others = table.filter((module) => !ranks.has(plainPath(module.path)));
  return [...listed.sort((a, b) => rankOf(a) - rankOf(b)), ...others];
}

/** Line numbers of `modules.order`, or undefined when it is damaged: depmod then does without it. */
function orderRanks(order: Uint8Array, release: KmodRelease): ReadonlyMap<string, number> | undefined {
  const text = Buffer.from(order).toString("latin1");
  if (text !== "" && !text.endsWith("\n")) return undefined;
  const ranks = new Map<string, number>();
  for (const [i, line] of text.split("\n").slice(0, -1).entries()) {
    if (line.length >= TEXT_LIMIT || line.includes("\0")) return undefined;
    // A path listed twice counts where it stands first; before release 34 where it stands last.
    if (release < 34 || !ranks.has(line)) ranks.set(line, i);
  }
  return ranks;
}

/** Gives every module a rank below those of its dependencies; the stack decides between modules that are free to go. */
function rank(vertices: readonly Vertex[]): void {
  const users = new Map<Vertex, number>(vertices.map((vertex) => [vertex, 0]));
  for (const { direct } of vertices) for (const target of direct) users.set(target, users.get(target)! + 1);
  const free = vertices.filter((vertex) => users.get(vertex) === 0);
  let ranked = 0;
  for (let next = free.pop(); next; next = free.pop()) {
    next.rank = ranked++;
    for (const target of next.direct) {
      const left = users.get(target)! - 1;
      users.set(target, left);
      if (left === 0) free.push(target);
    }
  }
  if (ranked === vertices.length) return;
  const names = vertices.filter((vertex) => vertex.rank < 0).map(({ name }) => name);
  throw new KmodError("dependency_cycle", `modules that need each other are among: ${names.slice(0, 20).join(", ")}`);
}

function reachable(start: Vertex): Vertex[] {
  const seen = new Set<Vertex>();
  const pending = [...start.direct];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    pending.push(...next.direct);
  }
  return [...seen].sort((a, b) => a.rank - b.rank);
}
