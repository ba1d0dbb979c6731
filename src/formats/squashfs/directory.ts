import { concatBytes } from "../../bytes/text.ts";
import { directoryEntry, directoryHeader, ENTRIES_PER_HEADER, MAX_DELTA, METADATA_BYTES } from "./layout.ts";
import type { MetadataRef } from "./model.ts";

/** One name in a directory and the inode it leads to. */
export interface ListingEntry {
  readonly name: Uint8Array;
  readonly number: number;
  readonly ref: MetadataRef;
  /** Basic inode type. */
  readonly type: number;
}

/** A stretch of a listing that begins with a header, at most one metadata block long: what one index entry points at. */
export interface ListingPart {
  readonly bytes: Uint8Array;
  readonly firstName: Uint8Array;
}

/** Order of names in a listing: by bytes, as the kernel compares them. */
export function compareNames(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** The listing of a directory, entries sorted by `compareNames`, cut where an index entry may point. */
export function encodeListing(entries: readonly ListingEntry[]): ListingPart[] {
  const parts: ListingPart[] = [];
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  let firstName: Uint8Array | undefined;
  const close = (): void => {
    if (firstName) parts.push({ bytes: concatBytes(...pieces), firstName });
    pieces = [];
    bytes = 0;
  };
  for (const run of runsOf(entries)) {
    const size = runSize(run);
    if (bytes + size > METADATA_BYTES) close();
    if (bytes === 0) firstName = run[0]!.name;
    pieces.push(encodeRun(run));
    bytes += size;
  }
  close();
  return parts;
}

/** Cuts the entries into runs that can share a header: one inode block, close inode numbers, at most 256. */
function* runsOf(entries: readonly ListingEntry[]): Generator<readonly ListingEntry[]> {
  let start = 0;
  let size = directoryHeader.size;
  for (const [i, entry] of entries.entries()) {
    const first = entries[start]!;
    const shared =
      entry.ref.block === first.ref.block &&
      Math.abs(entry.number - first.number) <= MAX_DELTA &&
      i - start < ENTRIES_PER_HEADER &&
      size + entrySize(entry) <= METADATA_BYTES;
    if (!shared) {
      yield entries.slice(start, i);
      start = i;
      size = directoryHeader.size;
    }
    size += entrySize(entry);
  }
  if (start < entries.length) yield entries.slice(start);
}

function entrySize(entry: ListingEntry): number {
  return directoryEntry.size + entry.name.length;
}

function runSize(run: readonly ListingEntry[]): number {
  return run.reduce((sum, entry) => sum + entrySize(entry), directoryHeader.size);
}

function encodeRun(run: readonly ListingEntry[]): Uint8Array {
  const first = run[0]!;
  const header = directoryHeader.encode({ count: run.length - 1, startBlock: first.ref.block, number: first.number });
  const entries = run.flatMap(({ name, number, ref, type }) => [
    directoryEntry.encode({ offset: ref.offset, delta: number - first.number, type, nameSize: name.length - 1 }),
    name,
  ]);
  return concatBytes(header, ...entries);
}
