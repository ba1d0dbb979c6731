import { alignUp } from "../../bytes/align.ts";
import { concatBytes, utf8 } from "../../bytes/text.ts";
import {
  BLOCK_BYTES,
  directoryRecord,
  FLAG_DIRECTORY,
  FLAG_MORE_SECTIONS,
  MAX_RECORD_BYTES,
  MAX_SECTION_BYTES,
} from "./layout.ts";
import { childUse, encodeUse, ownBytes, parentUse, type SystemUse, selfUse } from "./systemuse.ts";
import type { IsoDirectory, IsoNode } from "./tree.ts";

/** A record with its place in the directory, before any block number is known. */
interface PlannedRecord {
  readonly target: IsoNode;
  readonly identifier: Uint8Array;
  /** Index of the file section it describes; 0 for directories. */
  readonly section: number;
  readonly use: SystemUse;
  /** Byte offset of the record, and of its continuation, from the directory's first block. */
  readonly at: number;
  readonly continuedAt: number;
}

/** A directory's records laid out: sizes are final, addresses still open. */
export interface PlannedDirectory {
  readonly records: readonly PlannedRecord[];
  /** Bytes of the records, whole blocks; this is the directory's size. */
  readonly dataBytes: number;
  /** Blocks with the continuation areas that follow. */
  readonly blocks: number;
}

/** Where one set of descriptors finds things; all block numbers count from the start of the image. */
export interface IsoView {
  /** Blocks before this view's block 0. */
  readonly base: number;
  readonly blockOf: ReadonlyMap<IsoNode, number>;
}

/** Number of sections of a file of `sizeBytes`; an empty file has one too. */
function sectionCount(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / MAX_SECTION_BYTES));
}

/** Bytes of a record up to its system use entries, which start at an even offset (ECMA-119, 9.1.12). */
function headBytes(identifierBytes: number): number {
  return alignUp(directoryRecord.size + identifierBytes, 2);
}

/** Position for `length` bytes that must not cross a block boundary (ECMA-119, 6.8.1.1). */
function withinBlock(at: number, length: number): number {
  return (at % BLOCK_BYTES) + length > BLOCK_BYTES ? alignUp(at, BLOCK_BYTES) : at;
}

type Unplaced = Omit<PlannedRecord, "at" | "continuedAt">;

function unplaced(directory: IsoDirectory, parent: IsoDirectory, time: Uint8Array): readonly Unplaced[] {
  const isRoot = directory === parent;
  const dots: Unplaced[] = [
    { target: directory, identifier: Uint8Array.of(0), section: 0, use: selfUse(directory, time, isRoot) },
    { target: parent, identifier: Uint8Array.of(1), section: 0, use: parentUse(parent, time) },
  ];
  const children = directory.children.flatMap((target) => {
    const identifier = utf8(target.identifier);
    const use = childUse(target, time, MAX_RECORD_BYTES - headBytes(identifier.length));
    const sections = target.$case === "file" ? sectionCount(target.sizeBytes) : 1;
    return Array.from({ length: sections }, (_, section) => ({ target, identifier, section, use }));
  });
  return [...dots, ...children];
}

function recordBytes({ identifier, use }: Unplaced): number {
  return alignUp(headBytes(identifier.length) + ownBytes(use), 2);
}

/** Lays out a directory (ECMA-119, 6.8.1); the root is its own parent. `time` is the seven-byte form. */
export function planDirectory(directory: IsoDirectory, parent: IsoDirectory, time: Uint8Array): PlannedDirectory {
  let at = 0;
  const placed = unplaced(directory, parent, time).map((record) => {
    const start = withinBlock(at, recordBytes(record));
    at = start + recordBytes(record);
    return { ...record, at: start };
  });
  const dataBytes = alignUp(at, BLOCK_BYTES);
  // Continuation areas follow in blocks of their own; readers want each within one block.
  let continued = dataBytes;
  const records = placed.map((record) => {
    const start = withinBlock(continued, record.use.continued.length);
    continued = start + record.use.continued.length;
    return { ...record, continuedAt: start };
  });
  return { records, dataBytes, blocks: alignUp(continued, BLOCK_BYTES) / BLOCK_BYTES };
}

/** Address, size and flags of what a record points to. */
function extentOf(
  { target, section }: PlannedRecord,
  view: IsoView,
  plans: ReadonlyMap<IsoDirectory, PlannedDirectory>,
): { readonly extentBlock: number; readonly dataBytes: number; readonly flags: number } {
  const block = view.blockOf.get(target)! - view.base;
  if (target.$case === "directory") {
    return { extentBlock: block, dataBytes: plans.get(target)!.dataBytes, flags: FLAG_DIRECTORY };
  }
  const from = section * MAX_SECTION_BYTES;
  return {
    extentBlock: block + from / BLOCK_BYTES,
    dataBytes: Math.min(MAX_SECTION_BYTES, target.sizeBytes - from),
    flags: section + 1 < sectionCount(target.sizeBytes) ? FLAG_MORE_SECTIONS : 0,
  };
}

/** The bytes of a directory and its continuation areas as a view shows them. */
export function encodeDirectory(
  directory: IsoDirectory,
  view: IsoView,
  plans: ReadonlyMap<IsoDirectory, PlannedDirectory>,
  time: Uint8Array,
): Uint8Array {
  const plan = plans.get(directory)!;
  const own = view.blockOf.get(directory)! - view.base;
  const out = new Uint8Array(plan.blocks * BLOCK_BYTES);
  for (const record of plan.records) {
    const { identifier, use, at, continuedAt } = record;
    const fields = { ...extentOf(record, view, plans), recorded: time, identifierBytes: identifier.length };
    const head = directoryRecord.encode({ ...fields, recordBytes: recordBytes(record) });
    out.set(concatBytes(head, identifier), at);
    const continuedBlock = own + Math.floor(continuedAt / BLOCK_BYTES);
    out.set(encodeUse(use, continuedBlock, continuedAt % BLOCK_BYTES), at + headBytes(identifier.length));
    out.set(use.continued, continuedAt);
  }
  return out;
}

/** The root's record for a volume descriptor. */
export function encodeRootRecord(
  root: IsoDirectory,
  view: IsoView,
  plans: ReadonlyMap<IsoDirectory, PlannedDirectory>,
  time: Uint8Array,
): Uint8Array {
  const identifier = Uint8Array.of(0);
  const head = directoryRecord.encode({
    extentBlock: view.blockOf.get(root)! - view.base,
    dataBytes: plans.get(root)!.dataBytes,
    recordBytes: directoryRecord.size + 1,
    recorded: time,
    flags: FLAG_DIRECTORY,
    identifierBytes: 1,
  });
  return concatBytes(head, identifier);
}
