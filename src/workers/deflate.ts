import { constants, createDeflateRaw } from "node:zlib";
import { messageOf } from "../errors.ts";
import { CodecError } from "./codec-limits.ts";
import { streamed } from "./streamed.ts";

/** Output is asked of zlib in pieces of this many bytes. */
const CHUNK_BYTES = 256 * 1024;

/** Name and version of what does the work; Node's zlib has code of its own for each kind of processor. */
export const DEFLATE_ID = `node:zlib ${process.versions.zlib} ${process.arch}`;

/**
 * A stream as raw deflate data (RFC 1951) that is flushed, but not final: it ends on a byte, and more blocks can follow.
 * Level 0 to 9. Throws `codec_failed`, and what `source` throws.
 */
export function deflated(source: AsyncIterable<Uint8Array>, level: number): AsyncGenerator<Uint8Array> {
  const fail = (cause: unknown): CodecError =>
    new CodecError("codec_failed", `deflate: ${messageOf(cause)}`, { cause });
  const options = { level, chunkSize: CHUNK_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
  return streamed(createDeflateRaw(options), source, fail);
}
