import { crc32 } from "../../bytes/crc32.ts";
import { Sha256Stream } from "../../bytes/digest.ts";
import { fill, type Recipe, read, recipe, slice, stream, blob as wholeBlob } from "../../extents/index.ts";
import { xzBlocks } from "../../formats/xz/index.ts";
import { writeBlob } from "../../store/local-blobs.ts";
import { deflated } from "../deflate.ts";
import type { Jobs } from "../protocol.ts";
import { cancellable, type JobContext } from "./context.ts";

/** A compressed form may be a little larger than its content. */
const OVERHEAD = 1.01;
const SAMPLE_BYTES = 64 * 1024;
const SAMPLES = 8;
const DIGEST_BYTES = 1024 * 1024;

/** Compresses a recipe to one zstd frame, one .xz stream, or deflate blocks of which none is the final one. */
export async function compressRecipe(
  { extents, method }: Jobs["compress"]["input"],
  context: JobContext,
): Promise<Jobs["compress"]["output"]> {
  const whole = recipe(extents);
  const packed = pack(whole, method, context);
  return await writeBlob(context.blobs, packed, { maxBytes: Math.ceil(whole.size * OVERHEAD) + 1024 });
}

function pack(
  whole: Recipe,
  method: Jobs["compress"]["input"]["method"],
  context: JobContext,
): AsyncIterable<Uint8Array> {
  const source = cancellable(stream(whole, context.blobs), context);
  switch (method.$case) {
    case "zstd":
      return context.codec.zstdStream(source, { level: method.level, size: whole.size });
    case "xz":
      // The kernel knows no other check (Documentation/staging/xz.rst).
      return context.codec.xzStream(source, { preset: method.preset, check: "crc32" });
    case "deflate":
      return deflated(source, method.level);
  }
}

/** CRC32 of the blocks of an .xz stream that have bytes in them. */
export async function blockChecks(
  { extents }: Jobs["checks"]["input"],
  context: JobContext,
): Promise<Jobs["checks"]["output"]> {
  const whole = recipe(extents);
  const checks: (number | null)[] = [];
  for (const { offset, length, check } of xzBlocks(whole)) {
    let crc = 0;
    if (check === undefined) {
      for await (const bytes of cancellable(stream(slice(whole, offset, length), context.blobs), context)) {
        crc = crc32(bytes, crc);
      }
    }
    checks.push(check === undefined ? crc : null);
  }
  return { checks };
}

/** Compresses samples spread evenly over a blob and gives their ratio. */
export async function sampleRatio(
  { blob }: Jobs["sample"]["input"],
  context: JobContext,
): Promise<Jobs["sample"]["output"]> {
  const whole = wholeBlob(blob.digest, blob.size);
  const step = Math.max(SAMPLE_BYTES, Math.floor(blob.size / SAMPLES));
  let before = 0;
  let after = 0;
  for (let at = 0; at < blob.size; at += step) {
    context.checkpoint();
    const sample = await read(slice(whole, at, Math.min(SAMPLE_BYTES, blob.size - at)), context.blobs);
    before += sample.length;
    after += (await context.codec.zstd(sample, { level: 3 })).length;
  }
  return { ratio: before === 0 ? 1 : after / before };
}

/** Digest over every byte of a recipe; the next bytes are read while the last ones are summed. */
export async function digestRecipe(
  { extents }: Jobs["digest"]["input"],
  context: JobContext,
): Promise<Jobs["digest"]["output"]> {
  const whole = recipe(extents);
  const hash = new Sha256Stream();
  const buffers = [new Uint8Array(DIGEST_BYTES), new Uint8Array(DIGEST_BYTES)];
  const readAt = async (at: number, buffer: Uint8Array): Promise<Uint8Array> => {
    const into = buffer.subarray(0, Math.min(buffer.length, whole.size - at));
    await fill(whole, context.blobs, at, into);
    return into;
  };
  let reading = readAt(0, buffers[0]!);
  for (let at = 0, next = 1; at < whole.size; next = 1 - next) {
    const bytes = await reading;
    context.checkpoint();
    at += bytes.length;
    reading = readAt(at, buffers[next]!);
    // Heard of in the next round, if there is one.
    reading.catch(() => undefined);
    hash.update(bytes);
  }
  return { digest: hash.digest(), size: whole.size };
}
