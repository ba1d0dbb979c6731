/** Archives read back header by header, with GNU sparse members as the files they were (GNU tar manual, "Basic Tar Format"). */
import { type BlobReader, concat, type Recipe, read, slice, zeros } from "../../src/extents/index.ts";

export interface FoundMember {
  readonly name: string;
  /** As it stands in the header, without what ends it. */
  readonly mode: string;
  readonly mtime: string;
  readonly type: string;
  readonly magic: string;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly checksumOk: boolean;
  /** With the holes. */
  readonly content: Recipe;
}

const BLOCK = 512;

function text(block: Buffer, at: number, length: number): string {
  return block.toString("latin1", at, at + length).replace(/[\0 ].*$/su, "");
}

/** Octal digits, or base 256 behind a byte 0x80. */
function number(block: Buffer, at: number, length: number): number {
  if (block[at] !== 0x80) return Number.parseInt(text(block, at, length) || "0", 8);
  return Number(BigInt(`0x${block.toString("hex", at + 1, at + length)}`));
}

function checksumOk(block: Buffer): boolean {
  const blank = Buffer.from(block).fill(" ", 148, 156);
  return blank.reduce((sum, byte) => sum + byte, 0) === number(block, 148, 8);
}

/** The parts of a sparse file that stand in the archive: pairs of offset and length from `at` on. */
function ranges(block: Buffer, at: number, count: number): readonly (readonly [offset: number, length: number])[] {
  const places = Array.from({ length: count }, (_, i) => at + i * 24).filter((place) => block[place] !== 0);
  return places.map((place) => [number(block, place, 12), number(block, place + 12, 12)] as const);
}

/** All members in order; what is behind their end must be zeros up to the end of a record. */
export async function readMembers(archive: Recipe, blobs: BlobReader): Promise<readonly FoundMember[]> {
  const blockAt = async (at: number): Promise<Buffer> => Buffer.from(await read(archive, blobs, at, BLOCK));
  const members: FoundMember[] = [];
  let at = 0;
  for (let block = await blockAt(0); block[0] !== 0; block = await blockAt(at)) {
    const type = text(block, 156, 1);
    const size = number(block, 124, 12);
    at += BLOCK;
    let content: Recipe;
    if (type === "S") {
      const data = [...ranges(block, 386, 4)];
      for (let more = block[482] !== 0; more; at += BLOCK) {
        const next = await blockAt(at);
        data.push(...ranges(next, 0, 21));
        more = next[504] !== 0;
      }
      content = spread(slice(archive, at, size), data, number(block, 483, 12));
    } else content = slice(archive, at, size);
    at += Math.ceil(size / BLOCK) * BLOCK;
    members.push({
      name: text(block, 0, 100),
      mode: text(block, 100, 8),
      mtime: text(block, 136, 12),
      type,
      magic: block.toString("latin1", 257, 265),
      uid: number(block, 108, 8),
      gid: number(block, 116, 8),
      uname: text(block, 265, 32),
      gname: text(block, 297, 32),
      checksumOk: checksumOk(block),
      content,
    });
  }
  const rest = await read(archive, blobs, at);
  if (rest.length < 2 * BLOCK || rest.some((byte) => byte !== 0) || archive.size % (20 * BLOCK) !== 0) {
    throw new Error(`tar: ${rest.length} bytes at ${at} do not end an archive`);
  }
  return members;
}

function spread(data: Recipe, parts: readonly (readonly [offset: number, length: number])[], size: number): Recipe {
  const pieces: Recipe[] = [];
  let [at, from] = [0, 0];
  for (const [offset, length] of parts) {
    pieces.push(zeros(offset - at), slice(data, from, length));
    from += length;
    at = offset + length;
  }
  if (from !== data.size) throw new Error(`tar: a sparse map of ${from} bytes for ${data.size}`);
  return concat(...pieces, zeros(size - at));
}
