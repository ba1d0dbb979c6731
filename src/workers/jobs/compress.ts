import { Sha256Stream } from "../../bytes/digest.ts";
import { read, recipe, slice, stream, blob as wholeBlob } from "../../extents/index.ts";
import { writeBlob } from "../../store/local-blobs.ts";
import type { Jobs } from "../protocol.ts";
import { cancellable, type JobContext } from "./context.ts";

/** A compressed form may be a little larger than its content. */
const OVERHEAD = 1.01;
const SAMPLE_BYTES = 64 * 1024;
const SAMPLES = 8;

/** Compresses a recipe to one zstd frame. */
export async function compressZstd(
  { extents, level }: Jobs["zstd"]["input"],
  context: JobContext,
): Promise<Jobs["zstd"]["output"]> {
  const whole = recipe(extents);
  const source = cancellable(stream(whole, context.blobs), context);
  const frame = context.codec.zstdStream(source, { level, size: whole.size });
  return await writeBlob(context.blobs, frame, { maxBytes: Math.ceil(whole.size * OVERHEAD) + 1024 });
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

/** Digest over every byte of a recipe. */
export async function digestRecipe(
  { extents }: Jobs["digest"]["input"],
  context: JobContext,
): Promise<Jobs["digest"]["output"]> {
  const whole = recipe(extents);
  const hash = new Sha256Stream();
  for await (const bytes of cancellable(stream(whole, context.blobs), context)) hash.update(bytes);
  return { digest: hash.digest(), size: whole.size };
}
