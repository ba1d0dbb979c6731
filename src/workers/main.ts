import { join } from "node:path";
import { workerData } from "node:worker_threads";
import { FactoryError, messageOf } from "../errors.ts";
import { LocalBlobStore } from "../store/local-blobs.ts";
import { loadCodec } from "./codec.ts";
import { type JobContext, jobs } from "./jobs/index.ts";
import { limited } from "./permits.ts";
import type { JobMessage, JobReply, WorkerSetup } from "./protocol.ts";
import { openSpool } from "./spool.ts";

const setup = workerData as WorkerSetup;
// Beside the blobs, where there is room for files of their size.
const temporary = join(setup.dataFolder, "tmp");
const blobs = await LocalBlobStore.open(setup.dataFolder, Date.now());
const codec = limited(loadCodec({ forceFallback: setup.forceFallbackCodec }).codec, setup.permits);

function contextOf(message: JobMessage): JobContext {
  const flag = new Int32Array(message.cancelled);
  return {
    blobs,
    codec,
    mtime: setup.mtime,
    temporary,
    spool: (source, maxBytes) => openSpool(temporary, source, maxBytes),
    checkpoint() {
      if (Atomics.load(flag, 0) !== 0) throw new FactoryError("cancelled", "nobody waits for this job any more");
    },
  };
}

/** Entry point of a worker thread: one job at a time, errors as data. */
// biome-ignore lint/style/noDefaultExport: the pool calls the default export
export default async function work(message: JobMessage): Promise<JobReply> {
  try {
    const context = contextOf(message);
    context.checkpoint();
    const job = jobs[message.kind] as (input: unknown, context: JobContext) => Promise<unknown>;
    return { $case: "done", output: await job(message.input, context) };
  } catch (error) {
    const code = error instanceof FactoryError ? error.code : "internal";
    return {
      $case: "failed",
      code,
      message: messageOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    };
  } finally {
    // A file that is still open would keep the space of a blob that is evicted.
    blobs.close();
  }
}
