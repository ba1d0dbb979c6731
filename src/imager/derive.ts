import { type Digest, isDigest, sha256 } from "../bytes/digest.ts";
import { compareText } from "../bytes/text.ts";
import type { BlobStore, RecordStore } from "../store/ports.ts";
import type { JobKind, Jobs } from "../workers/protocol.ts";
import { SingleFlight } from "./singleflight.ts";

/**
 * Raised when a job's result for the same description changes. Part of every description, so that
 * old records stop matching instead of serving what an older release made.
 */
const JOB_VERSIONS: Readonly<Record<JobKind, number>> = {
  files: 1,
  extension: 1,
  tree: 1,
  zstd: 1,
  sample: 1,
  digest: 1,
};

/** Results kept in memory; records on disk are found again after a restart. */
const MEMORY_RESULTS = 4096;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** JSON with sorted keys: one text for one value. */
export function canonicalJson(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => compareText(a, b));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}

/** What a derivation is: the job, all that its result depends on, and the input the worker needs. */
export interface Derivation<Kind extends JobKind> {
  readonly kind: Kind;
  /** Everything the result depends on: digests of inputs and parameters, never where inputs come from. */
  readonly description: { readonly [key: string]: Json | undefined };
  readonly input: Jobs[Kind]["input"];
}

export interface DeriverDeps {
  readonly blobs: BlobStore;
  readonly records: RecordStore;
  readonly run: <Kind extends JobKind>(
    kind: Kind,
    input: Jobs[Kind]["input"],
    signal: AbortSignal,
  ) => Promise<Jobs[Kind]["output"]>;
  /** Names and versions of the codecs, because two codecs give two byte strings. */
  readonly codecs: string;
  /** Told about every job that really runs: once it is done, with its duration in milliseconds. */
  readonly onDerived: (kind: JobKind, key: Digest, durationMs: number) => void;
}

/** Computes derivations once: found in memory, else on disk, else made by one worker for all who wait. */
export class Deriver {
  readonly #deps: DeriverDeps;
  readonly #flights = new SingleFlight<unknown>();
  readonly #memory = new Map<Digest, unknown>();

  constructor(deps: DeriverDeps) {
    this.#deps = deps;
  }

  /** The result of a derivation. Rejects with the job's own error, or `cancelled`; failures are not remembered. */
  async derive<Kind extends JobKind>(derivation: Derivation<Kind>, signal: AbortSignal): Promise<Jobs[Kind]["output"]> {
    const { kind, description, input } = derivation;
    const key = sha256(canonicalJson({ kind, version: JOB_VERSIONS[kind], codecs: this.#deps.codecs, description }));
    const known = this.#memory.get(key);
    if (known !== undefined) return known as Jobs[Kind]["output"];
    const result = await this.#flights.run(key, signal, async (shared) => {
      const found = await this.#find(key);
      if (found !== undefined) return found;
      const started = performance.now();
      const made = await this.#deps.run(kind, input, shared);
      await this.#deps.records.put(key, made);
      this.#deps.onDerived(kind, key, Math.round(performance.now() - started));
      return made;
    });
    this.#remember(key, result);
    return result as Jobs[Kind]["output"];
  }

  /** A record counts only while every blob it names is in the store with its size. */
  async #find(key: Digest): Promise<unknown> {
    const record = await this.#deps.records.get(key);
    if (record === undefined || record === null) return undefined;
    for (const { digest, size } of blobsIn(record)) {
      if ((await this.#deps.blobs.size(digest)) !== size) return undefined;
    }
    return record;
  }

  #remember(key: Digest, result: unknown): void {
    this.#memory.set(key, result);
    if (this.#memory.size > MEMORY_RESULTS) this.#memory.delete(this.#memory.keys().next().value!);
  }
}

/** Every `{ digest, size }` inside a record. */
function* blobsIn(value: unknown): Generator<{ digest: Digest; size: number }> {
  if (value === null || typeof value !== "object") return;
  const { digest, size } = value as { digest?: unknown; size?: unknown };
  if (isDigest(digest) && typeof size === "number") yield { digest, size };
  else for (const item of Object.values(value)) yield* blobsIn(item);
}
