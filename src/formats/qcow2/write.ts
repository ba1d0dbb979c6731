import { alignUp } from "../../bytes/align.ts";
import { concatBytes } from "../../bytes/text.ts";
import {
  dataRuns,
  extentsIn,
  inline,
  type Placement,
  padTo,
  place,
  type Recipe,
  recipe,
  type UnitRun,
} from "../../extents/index.ts";
import { COPIED, ENTRY, featureNames, HEADER, NAMES_ABOVE_BYTES, REFCOUNT_BYTES } from "./layout.ts";
import { isClusterSize, MAX_L1_BYTES, Qcow2Error } from "./model.ts";

/** Disks are whole sectors to qemu. */
const SECTOR_BYTES = 512;

/** The disk's clusters of one L2 table that have data, and where the table goes, in clusters of the image. */
interface L2Plan {
  readonly index: number;
  readonly cluster: number;
  readonly runs: readonly UnitRun[];
}

/** Where everything goes, in clusters of the image; its first cluster is the header. */
interface Plan {
  readonly clusterBytes: number;
  readonly refcountTable: UnitRun;
  readonly refcountBlocks: UnitRun;
  readonly l1Entries: number;
  readonly l1: UnitRun;
  readonly l2: readonly L2Plan[];
  /** Clusters of the whole image. */
  readonly total: number;
}

/**
 * A raw disk (bytes, rounded up to sectors of 512) as a qcow2 image with clusters of `clusterBytes`. Clusters that hold
 * data are slices of the disk in its own order, each table of them right before its clusters.
 * Throws `cluster_size_invalid`, and `table_too_large` for a disk that needs larger clusters.
 */
export function qcow2Image(disk: Recipe, clusterBytes: number): Recipe {
  if (!isClusterSize(clusterBytes)) {
    const text = `cluster_size: ${clusterBytes} is not a power of two between 512 bytes and 2 MiB`;
    throw new Qcow2Error("cluster_size_invalid", text);
  }
  const virtualSize = alignUp(disk.size, SECTOR_BYTES);
  const plan = planOf(disk, virtualSize, clusterBytes);
  const padded = padTo(disk, alignUp(disk.size, clusterBytes));
  const parts: Placement[] = [
    at(plan, 0, header(plan, virtualSize)),
    at(plan, plan.refcountTable.first, refcountTable(plan)),
    at(plan, plan.refcountBlocks.first, inline(refcounts(plan.total))),
    at(plan, plan.l1.first, l1Table(plan)),
    ...plan.l2.flatMap((l2) => [
      at(plan, l2.cluster, l2Table(plan, l2)),
      at(plan, l2.cluster + 1, data(padded, plan, l2)),
    ]),
  ];
  return place(plan.total * clusterBytes, parts);
}

function at({ clusterBytes }: Plan, cluster: number, content: Recipe): Placement {
  return { offset: cluster * clusterBytes, content };
}

function planOf(disk: Recipe, virtualSize: number, clusterBytes: number): Plan {
  const perL2 = clusterBytes / ENTRY.size;
  const l1Entries = Math.ceil(virtualSize / clusterBytes / perL2);
  if (l1Entries * ENTRY.size > MAX_L1_BYTES) {
    const text = `cluster_size: ${clusterBytes} is too small for a disk of ${virtualSize} bytes`;
    throw new Qcow2Error("table_too_large", text);
  }
  const tables = byL2Table(dataRuns(disk, clusterBytes), perL2);
  const l1Clusters = Math.ceil((l1Entries * ENTRY.size) / clusterBytes);
  const dataClusters = [...tables.values()].reduce((sum, runs) => sum + 1 + clustersOf(runs), 0);
  const { table, blocks } = refcountClusters(1 + l1Clusters + dataClusters, clusterBytes);
  const l1 = { first: 1 + table + blocks, count: l1Clusters };
  let next = l1.first + l1.count;
  const l2 = [...tables].map(([index, runs]): L2Plan => {
    const cluster = next;
    next += 1 + clustersOf(runs);
    return { index, cluster, runs };
  });
  const refcountTable = { first: 1, count: table };
  return {
    clusterBytes,
    refcountTable,
    refcountBlocks: { first: 1 + table, count: blocks },
    l1Entries,
    l1,
    l2,
    total: next,
  };
}

function clustersOf(runs: readonly UnitRun[]): number {
  return runs.reduce((sum, { count }) => sum + count, 0);
}

/** Runs cut where another L2 table begins, by the number of the table. */
function byL2Table(runs: Iterable<UnitRun>, perL2: number): ReadonlyMap<number, UnitRun[]> {
  const tables = new Map<number, UnitRun[]>();
  for (const { first, count } of runs) {
    for (let from = first; from < first + count; ) {
      const index = Math.floor(from / perL2);
      const to = Math.min(first + count, (index + 1) * perL2);
      const run = { first: from, count: to - from };
      const known = tables.get(index);
      if (known) known.push(run);
      else tables.set(index, [run]);
      from = to;
    }
  }
  return tables;
}

/** Clusters for the refcounts of `others` clusters, and for those of the refcounts themselves. */
function refcountClusters(others: number, clusterBytes: number): { readonly table: number; readonly blocks: number } {
  let table = 1;
  let blocks = 1;
  for (;;) {
    const neededBlocks = Math.ceil((others + table + blocks) / (clusterBytes / REFCOUNT_BYTES));
    const neededTable = Math.ceil(neededBlocks / (clusterBytes / ENTRY.size));
    if (neededBlocks <= blocks && neededTable <= table) return { table, blocks };
    blocks = neededBlocks;
    table = neededTable;
  }
}

function header({ clusterBytes, l1Entries, l1, refcountTable: table }: Plan, virtualSize: number): Recipe {
  const fields = HEADER.encode({
    clusterBits: Math.log2(clusterBytes),
    virtualSize,
    l1Entries,
    l1Offset: l1.first * clusterBytes,
    refcountTableOffset: table.first * clusterBytes,
    refcountTableClusters: table.count,
  });
  return inline(concatBytes(fields, ...(clusterBytes > NAMES_ABOVE_BYTES ? featureNames() : [])));
}

function refcountTable({ clusterBytes, refcountBlocks: { first, count } }: Plan): Recipe {
  const table = new OffsetTable(count);
  for (let i = 0; i < count; i++) table.set(i, (first + i) * clusterBytes, 0);
  return inline(table.bytes);
}

/** One reference to each of the clusters. */
function refcounts(clusters: number): Uint8Array {
  const bytes = new Uint8Array(clusters * REFCOUNT_BYTES);
  for (let i = REFCOUNT_BYTES - 1; i < bytes.length; i += REFCOUNT_BYTES) bytes[i] = 1;
  return bytes;
}

function l1Table({ clusterBytes, l1Entries, l2 }: Plan): Recipe {
  const table = new OffsetTable(l1Entries);
  for (const { index, cluster } of l2) table.set(index, cluster * clusterBytes, COPIED);
  return inline(table.bytes);
}

function l2Table({ clusterBytes }: Plan, { index, cluster, runs }: L2Plan): Recipe {
  const entries = clusterBytes / ENTRY.size;
  const table = new OffsetTable(entries);
  let next = cluster + 1;
  for (const { first, count } of runs) {
    for (let i = 0; i < count; i++) table.set(first + i - index * entries, next++ * clusterBytes, COPIED);
  }
  return inline(table.bytes);
}

function data(padded: Recipe, { clusterBytes }: Plan, { runs }: L2Plan): Recipe {
  return recipe(runs.flatMap(({ first, count }) => [...extentsIn(padded, first * clusterBytes, count * clusterBytes)]));
}

/** A table of offsets (bytes) with flags, zeros at first. */
class OffsetTable {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(entries: number) {
    this.bytes = new Uint8Array(entries * ENTRY.size);
    this.#view = new DataView(this.bytes.buffer);
  }

  set(index: number, offset: number, flags: number): void {
    ENTRY.write(this.#view, index * ENTRY.size, { high: flags + Math.floor(offset / 2 ** 32), low: offset % 2 ** 32 });
  }
}
