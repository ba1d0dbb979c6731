import { alignUp } from "../../bytes/align.ts";
import { concat, dataRuns, inline, padTo, type Recipe, slice } from "../../extents/index.ts";
import {
  BLANK_CHECKSUM,
  BLOCK_BYTES,
  CONTINUATION,
  CONTINUATION_RANGES,
  type DataRange,
  END_BYTES,
  FILE_HEADER,
  HEADER_RANGES,
  RECORD_BYTES,
  SPARSE_HEADER,
  TYPE,
} from "./layout.ts";
import { TarError, type TarFile } from "./model.ts";

/** Holes begin and end on multiples of this, as those GNU tar finds on common file systems. */
const HOLE_BYTES = 4096;

const NAME = /^[\x20-\x7e]{1,100}$/;

function checksumOf(block: Uint8Array): string {
  const sum = block.reduce((before, byte) => before + byte, 0);
  return `${sum.toString(8).padStart(6, "0")}\0 `;
}

function total(ranges: readonly DataRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

/** The header block; `ranges` are those of a sparse file. */
function header({ name, mode, mtime, owner, content }: TarFile, ranges: readonly DataRange[] | undefined): Uint8Array {
  const common = { name, mode, mtime, userName: owner?.user ?? "", groupName: owner?.group ?? "" };
  const encode = (checksum: string): Uint8Array => {
    if (!ranges) return FILE_HEADER.encode({ ...common, checksum, size: content.size, type: TYPE.file });
    return SPARSE_HEADER.encode({
      ...common,
      checksum,
      size: total(ranges),
      type: TYPE.sparse,
      ranges: ranges.slice(0, HEADER_RANGES),
      isContinued: ranges.length > HEADER_RANGES ? 1 : 0,
      realSize: content.size,
    });
  };
  return encode(checksumOf(encode(BLANK_CHECKSUM)));
}

/** The ranges that hold data, as far as the recipe tells without reading a blob. */
function dataRanges(content: Recipe): DataRange[] {
  return [...dataRuns(content, HOLE_BYTES)].map(({ first, count }) => {
    const offset = first * HOLE_BYTES;
    return { offset, length: Math.min(count * HOLE_BYTES, content.size - offset) };
  });
}

function* continuations(ranges: readonly DataRange[]): Generator<Uint8Array> {
  for (let at = HEADER_RANGES; at < ranges.length; at += CONTINUATION_RANGES) {
    const end = at + CONTINUATION_RANGES;
    yield CONTINUATION.encode({ ranges: ranges.slice(at, end), isContinued: end < ranges.length ? 1 : 0 });
  }
}

function member(file: TarFile): Recipe {
  const { name, content, sparse } = file;
  if (!NAME.test(name))
    throw new TarError("tar_name", `name: ${JSON.stringify(name)} is not 1 to 100 ASCII characters`);
  const data = sparse ? dataRanges(content) : [];
  if (!sparse || total(data) === content.size) return padded(concat(inline(header(file, undefined)), content));
  // GNU tar closes the map with an empty range at the end, wherever the last hole is.
  const map = [...data, { offset: content.size, length: 0 }];
  const body = data.map(({ offset, length }) => slice(content, offset, length));
  return padded(concat(inline(header(file, map)), ...[...continuations(map)].map(inline), ...body));
}

function padded(member: Recipe): Recipe {
  return padTo(member, alignUp(member.size, BLOCK_BYTES));
}

/** An archive of the files in order. Throws `tar_name`, `field_range` for a mode, time or owner that does not fit. */
export function tarArchive(files: readonly TarFile[]): Recipe {
  const members = concat(...files.map(member));
  return padTo(members, alignUp(members.size + END_BYTES, RECORD_BYTES));
}
