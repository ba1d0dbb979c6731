import { alignUp } from "../../bytes/align.ts";
import { joined, malformed, type RandomAccess, type Run, readRecord } from "../../bytes/random-access.ts";
import { BLOCK_BYTES, CONTINUATION, type DataRange, FILE_HEADER, SPARSE_HEADER, TYPE } from "./layout.ts";

/** A regular file of an archive, as it was before it was packed. */
export interface FoundFile {
  readonly path: string;
  readonly content: RandomAccess;
}

const MAX_ENTRIES = 100_000;
const MAX_RANGES = 1_000_000;
/** Old archives have NUL for "0". */
const OLD_FILE = "";

/**
 * The regular files of an archive with plain or GNU sparse headers, in their order; others are passed over, and so are the
 * longer names of pax headers. Throws `image_malformed`.
 */
export async function* readTar(source: RandomAccess): AsyncGenerator<FoundFile> {
  for (let at = 0, i = 0; at + BLOCK_BYTES <= source.size; i++) {
    if (i > MAX_ENTRIES) throw malformed(`tar: more than ${MAX_ENTRIES} entries`);
    const { name, size, type } = await readRecord(source, at, FILE_HEADER);
    if (name === "") return;
    if (!Number.isSafeInteger(size) || size < 0) throw malformed(`tar: ${name}: the size is no number`);
    const sparse = type === TYPE.sparse ? await sparseMap(source, at) : undefined;
    const bodyAt = sparse?.bodyAt ?? at + BLOCK_BYTES;
    if (bodyAt + size > source.size) throw malformed(`tar: ${name}: ends beyond the archive`);
    if (sparse) yield { path: name, content: spread(source, bodyAt, sparse.ranges, sparse.realSize) };
    else if (type === TYPE.file || type === OLD_FILE) {
      yield { path: name, content: joined(source, [{ offset: bodyAt, length: size }], size) };
    }
    at = bodyAt + alignUp(size, BLOCK_BYTES);
  }
}

async function sparseMap(source: RandomAccess, at: number) {
  const { ranges: first, isContinued, realSize } = await readRecord(source, at, SPARSE_HEADER);
  const ranges: DataRange[] = [...first];
  let bodyAt = at + BLOCK_BYTES;
  for (let more = isContinued; more !== 0; bodyAt += BLOCK_BYTES) {
    const next = await readRecord(source, bodyAt, CONTINUATION);
    ranges.push(...next.ranges);
    if (ranges.length > MAX_RANGES) throw malformed(`tar: more than ${MAX_RANGES} ranges of a sparse file`);
    more = next.isContinued;
  }
  return { ranges, realSize, bodyAt };
}

/** The ranges where they belong, zeros between them. */
function spread(source: RandomAccess, bodyAt: number, ranges: readonly DataRange[], size: number): RandomAccess {
  const runs: Run[] = [];
  let [at, from] = [0, bodyAt];
  for (const { offset, length } of ranges) {
    if (!(offset >= at) || !(length >= 0)) throw malformed("tar: the ranges of a sparse file are not in order");
    runs.push({ offset: undefined, length: offset - at }, { offset: from, length });
    from += length;
    at = offset + length;
  }
  if (!(size >= at)) throw malformed("tar: a sparse file is smaller than its ranges");
  runs.push({ offset: undefined, length: size - at });
  return joined(source, runs, size);
}
