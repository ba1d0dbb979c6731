import { type BlobReader, type Recipe, stream } from "../../../src/extents/index.ts";
import type { CpioRecord } from "../../../src/formats/cpio/index.ts";

/** For recipes without blobs. */
export const NO_BLOBS: BlobReader = {
  read: () => Promise.reject(new Error("this recipe must not need a blob")),
};

/** Everything a recipe or another stream gives, as one buffer. */
export async function collect(source: AsyncIterable<Uint8Array> | Recipe): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const iterable = Symbol.asyncIterator in source ? source : stream(source, NO_BLOBS);
  for await (const chunk of iterable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** `bytes` as a stream of chunks of `size` bytes. */
export async function* chunked(bytes: Uint8Array, size = 65536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** All records with their bodies read. */
export async function drain(
  records: AsyncIterable<CpioRecord>,
): Promise<(Omit<CpioRecord, "body"> & { text: string })[]> {
  const out = [];
  for await (const { body, ...rest } of records) out.push({ ...rest, text: (await collect(body)).toString("latin1") });
  return out;
}

export const WIDE = { maxEntries: 10_000, maxFileBytes: 2 ** 32, maxTotalBytes: 2 ** 40 };
