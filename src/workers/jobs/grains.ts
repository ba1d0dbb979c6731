import { deflateSync } from "node:zlib";
import { concatBytes } from "../../bytes/text.ts";
import { read, recipe } from "../../extents/index.ts";
import { GRAIN_BYTES, type GrainForm } from "../../formats/vmdk/index.ts";
import type { BlobWriter } from "../../store/ports.ts";
import type { Jobs } from "../protocol.ts";
import type { JobContext } from "./context.ts";

const LEVEL = 9;

/** A grain is tried on a few pieces from all over it before it is compressed as a whole. */
const PROBE_PIECES = 8;
const PROBE_BYTES = 512;
const PROBE_LEVEL = 1;
/** Above this ratio of compressed to plain size a grain is stored. */
const WORTH_DEFLATING = 0.95;

/** Grains are read this many at a time. */
const BATCH = 64;

/** Says of each grain whether it is zeros, and whether it is worth compressing; those that are become one blob. */
export async function packGrains(
  { extents }: Jobs["grains"]["input"],
  context: JobContext,
): Promise<Jobs["grains"]["output"]> {
  const whole = recipe(extents);
  const grains: GrainForm[] = [];
  const writer = await context.blobs.writer({ maxBytes: whole.size });
  try {
    for (let at = 0; at < whole.size; at += BATCH * GRAIN_BYTES) {
      context.checkpoint();
      const bytes = await read(whole, context.blobs, at, Math.min(BATCH * GRAIN_BYTES, whole.size - at));
      for (let from = 0; from < bytes.length; from += GRAIN_BYTES) {
        grains.push(await packGrain(bytes.subarray(from, from + GRAIN_BYTES), writer));
      }
    }
    if (grains.some(({ $case }) => $case === "deflated")) return { grains, packed: await writer.commit() };
    await writer.abort();
    return { grains, packed: undefined };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function packGrain(grain: Uint8Array, writer: BlobWriter): Promise<GrainForm> {
  if (grain.every((byte) => byte === 0)) return { $case: "zeros" };
  if (isWorthDeflating(grain)) {
    const stream = deflateSync(grain, { level: LEVEL });
    if (stream.length < grain.length) {
      await writer.write(stream);
      return { $case: "deflated", bytes: stream.length };
    }
  }
  return { $case: "stored", adler32: adler32(grain), lastByte: grain.at(-1)! };
}

function isWorthDeflating(grain: Uint8Array): boolean {
  const step = Math.ceil(grain.length / PROBE_PIECES);
  const pieces = Array.from({ length: PROBE_PIECES }, (_, i) => grain.subarray(i * step, i * step + PROBE_BYTES));
  const probe = concatBytes(...pieces);
  return deflateSync(probe, { level: PROBE_LEVEL }).length < probe.length * WORTH_DEFLATING;
}

/** Adler-32, which zlib gives to nobody but at the end of its streams. */
function adler32(bytes: Uint8Array): number {
  const stream = deflateSync(bytes, { level: 0 });
  return stream.readUInt32BE(stream.length - 4);
}
