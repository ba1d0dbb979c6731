import { type Digest, isDigest, sha256 } from "../bytes/digest.ts";
import { compareText } from "../bytes/text.ts";
import type { BlobRef } from "../extents/index.ts";
import type { BlobLease, LeasedBlobs, RecordStore } from "../store/ports.ts";
import type { JobKind, Jobs } from "../workers/protocol.ts";
import { ImagerError } from "./errors.ts";
import { SingleFlight } from "./singleflight.ts";

/**
 * Raised when a job's result for the same description changes. Part of every description, so that
 * old records stop matching instead of serving what an older release made.
 */
const JOB_VERSIONS: Readonly<Record<JobKind, number>> = {
  files: 1,
  extension: 2,
  unpack: 1,
  overlayOptions: 1,
  overlayInstall: 1,
  tree: 1,
  depmod: 1,
  compress: 1,
  checks: 1,
  grains: 1,
  grub: 1,
  grubModules: 1,
  sample: 1,
  digest: 1,
};

/** Jobs whose result only speaks of bytes that are stored elsewhere, or nowhere. */
const STORE_NOTHING: ReadonlySet<JobKind> = new Set(["sample", "checks", "digest"]);

/** Results kept in memory; records on disk are found again after a restart. */
const MEMORY_RESULTS = 4096;
/** How long a result is kept in memory (milliseconds): its record on disk is marked as used when it is read again. */
const MEMORY_MS = 60 * 60 * 1000;
/** Results that were evicted before they could be held are made again, this often at most. */
const ATTEMPTS = 3;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** JSON with sorted keys: one text for one value. */
function canonicalJson(value: Json | undefined): string {
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
  readonly blobs: LeasedBlobs;
  readonly records: RecordStore;
  readonly run: <Kind extends JobKind>(
    kind: Kind,
    input: Jobs[Kind]["input"],
    signal: AbortSignal,
  ) => Promise<Jobs[Kind]["output"]>;
  /** Names and versions of the codecs, because two codecs give two byte strings. */
  readonly codecs: string;
  /** Time in everything that is made, seconds since 1970: another time gives other bytes. */
  readonly mtime: number;
  /** Told about every job that really runs: once it is done, with its duration in milliseconds and the bytes it stored. */
  readonly onDerived: (kind: JobKind, key: Digest, durationMs: number, bytes: number) => void;
}

/** A result in memory; its blobs may be gone by now. */
interface Known {
  readonly result: unknown;
  /** `performance.now()` of when it was read or made. */
  readonly since: number;
}

/** What all users of a deriver share. */
interface Shared {
  readonly flights: SingleFlight<unknown>;
  readonly memory: Map<Digest, Known>;
}

/** Computes derivations once: found in memory, else on disk, else made by one worker for all who wait. */
export class Deriver {
  readonly #deps: DeriverDeps;
  readonly #shared: Shared;
  readonly #lease: BlobLease | undefined;

  constructor(
    deps: DeriverDeps,
    shared: Shared = { flights: new SingleFlight(), memory: new Map() },
    lease?: BlobLease,
  ) {
    this.#deps = deps;
    this.#shared = shared;
    this.#lease = lease;
  }

  /** The same deriver for one user: the blobs of every result it gives are held by the user's lease. */
  holding(lease: BlobLease): Deriver {
    return new Deriver(this.#deps, this.#shared, lease);
  }

  /**
   * The result of a derivation, whose blobs are in the store. Rejects with the job's own error, `cancelled`, or
   * `blob_missing` when others remove blobs faster than they are made; failures are not remembered.
   */
  async derive<Kind extends JobKind>(derivation: Derivation<Kind>, signal: AbortSignal): Promise<Jobs[Kind]["output"]> {
    const { kind, description } = derivation;
    const { codecs, mtime } = this.#deps;
    const key = sha256(canonicalJson({ kind, version: JOB_VERSIONS[kind], codecs, mtime, description }));
    const { memory } = this.#shared;
    const lease = this.#lease ?? this.#deps.blobs.lease();
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const known = memory.get(key);
        const usable = known !== undefined && performance.now() - known.since < MEMORY_MS;
        const result = usable ? known.result : await this.#findOrMake(key, derivation, signal);
        if (await lease.hold(blobsOf(kind, result))) {
          if (!usable) this.#remember(key, result);
          return result as Jobs[Kind]["output"];
        }
        memory.delete(key);
      }
    } finally {
      if (lease !== this.#lease) lease.release();
    }
    throw new ImagerError("blob_missing", `${kind}: its result was removed from the store again and again`);
  }

  async #findOrMake<Kind extends JobKind>(
    key: Digest,
    { kind, input }: Derivation<Kind>,
    signal: AbortSignal,
  ): Promise<unknown> {
    return await this.#shared.flights.run(key, signal, async (shared) => {
      const found = await this.#find(kind, key);
      if (found !== undefined) return found;
      const started = performance.now();
      const written = this.#deps.blobs.writing();
      try {
        const made = await this.#deps.run(kind, input, shared);
        await this.#deps.records.put(key, made);
        const bytes = blobsOf(kind, made).reduce((sum, { size }) => sum + size, 0);
        this.#deps.onDerived(kind, key, Math.round(performance.now() - started), bytes);
        return made;
      } finally {
        written();
      }
    });
  }

  /** A record counts only while every blob it names is in the store with its size. */
  async #find(kind: JobKind, key: Digest): Promise<unknown> {
    const record = await this.#deps.records.get(key);
    if (record === undefined || record === null) return undefined;
    for (const { digest, size } of blobsOf(kind, record)) {
      if ((await this.#deps.blobs.size(digest)) !== size) return undefined;
    }
    return record;
  }

  #remember(key: Digest, result: unknown): void {
    const { memory } = this.#shared;
    memory.set(key, { result, since: performance.now() });
    if (memory.size > MEMORY_RESULTS) memory.delete(memory.keys().next().value!);
  }
}

/** The blobs that a job of this kind stored for its result. */
function blobsOf(kind: JobKind, result: unknown): readonly BlobRef[] {
  return STORE_NOTHING.has(kind) ? [] : [...blobsIn(result)];
}

/** Every `{ digest, size }` inside a result. */
function* blobsIn(value: unknown): Generator<BlobRef> {
  if (value === null || typeof value !== "object") return;
  const { digest, size } = value as { digest?: unknown; size?: unknown };
  if (isDigest(digest) && typeof size === "number") yield { digest, size };
  else for (const item of Object.values(value)) yield* blobsIn(item);
}
