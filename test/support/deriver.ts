import { join } from "node:path";
import { Deriver } from "../../src/imager/derive.ts";
import { LocalBlobStore } from "../../src/store/local-blobs.ts";
import { LocalRecords } from "../../src/store/local-records.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { type JobContext, jobs } from "../../src/workers/jobs/index.ts";
import type { JobKind, Jobs } from "../../src/workers/protocol.ts";
import { openSpool } from "../../src/workers/spool.ts";
import { temporaryFolder } from "./folder.ts";

/** Derivations without threads: every job runs here, over a store in a folder of its own. */
export interface TestDeriver extends AsyncDisposable {
  readonly deriver: Deriver;
  readonly blobs: LocalBlobStore;
  /** Of the data. */
  readonly folder: string;
  /** Every job that was asked to run, in order. */
  readonly ran: { readonly kind: JobKind; readonly input: Jobs[JobKind]["input"] }[];
}

export async function testDeriver(): Promise<TestDeriver> {
  const mtime = 1559424892;
  const folder = await temporaryFolder();
  const blobs = await LocalBlobStore.open(folder.path, Date.now());
  const { codec } = loadCodec();
  const temporary = join(folder.path, "tmp");
  const spool: JobContext["spool"] = (source, maxBytes) => openSpool(temporary, source, maxBytes);
  const context: JobContext = { blobs, codec, mtime, temporary, spool, checkpoint: () => undefined };
  const ran: TestDeriver["ran"] = [];
  const deriver = new Deriver({
    blobs,
    records: await LocalRecords.open(folder.path),
    run: async (kind, input) => {
      ran.push({ kind, input });
      return await jobs[kind](input, context);
    },
    codecs: `${codec.zstdId}, ${codec.xzId}`,
    mtime,
    onDerived: () => undefined,
  });
  return {
    deriver,
    blobs,
    folder: folder.path,
    ran,
    async [Symbol.asyncDispose]() {
      blobs.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}
