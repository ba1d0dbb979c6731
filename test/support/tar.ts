import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { collect } from "../../src/sources/verify.ts";

/** A member of a test archive: a header, and the contents of files. */
export type Member = Partial<Header> & { readonly name: string; readonly body?: string | Uint8Array };

/** A tar archive of the members, in order. */
export async function tarball(members: readonly Member[]): Promise<Uint8Array> {
  const archive = pack();
  for (const { body, ...header } of members) {
    const mtime = new Date(0);
    if (body === undefined) archive.entry({ mode: header.type === "directory" ? 0o755 : 0o644, mtime, ...header });
    else archive.entry({ mode: 0o644, mtime, ...header }, Buffer.from(body));
  }
  archive.finalize();
  return collect(archive as AsyncIterable<Uint8Array>, 64 * 1024 * 1024, "test archive");
}

/** A gzip-compressed layer of the members. */
export async function layer(members: readonly Member[]): Promise<Uint8Array> {
  return gzipSync(await tarball(members));
}

/** Bytes as a stream of chunks of at most `size` bytes. */
export async function* chunked(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
