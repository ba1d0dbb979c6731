import { readdir } from "node:fs/promises";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type { Digest } from "../../src/bytes/digest.ts";
import { Deriver } from "../../src/imager/derive.ts";
import { Factory } from "../../src/imager/factory.ts";
import { ReleaseAssets } from "../../src/imager/release.ts";
import { buildApp } from "../../src/server/app.ts";
import {
  Catalog,
  DEFAULT_COMPONENTS,
  GrubFolder,
  openSource,
  Releases,
  type SourceSpec,
} from "../../src/sources/index.ts";
import { publicKeyPolicy } from "../../src/sources/trust/index.ts";
import { LocalBlobStore } from "../../src/store/local-blobs.ts";
import { LocalRecords, LocalSchematics } from "../../src/store/local-records.ts";
import { parseVersion } from "../../src/talos/version.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { WorkerPool } from "../../src/workers/pool.ts";
import type { JobKind } from "../../src/workers/protocol.ts";

const MTIME = 1559424892;

/** The address the factory believes to have. */
export const EXTERNAL_URL = "https://factory.test/base";

export interface TestFactoryOptions {
  readonly source: SourceSpec;
  /** PEM. */
  readonly publicKey: string;
  readonly dataFolder: string;
  /** GRUB's module files; none by default. */
  readonly grubFolder?: string;
  readonly threads?: number;
  readonly externalUrl?: string;
  readonly logger?: FastifyBaseLogger;
  /** Called before the server itself reads of a blob; what it throws is what the disk says. */
  readonly onRead?: (digest: Digest) => void;
}

/** The application with everything behind it as `serve.ts` wires it, and an ear on its derivations. */
export interface TestFactory extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly factory: Factory;
  readonly blobs: LocalBlobStore;
  /** Every job that ran, in the order they ended. */
  readonly derived: { readonly kind: JobKind; readonly key: Digest }[];
}

export async function testFactory(options: TestFactoryOptions): Promise<TestFactory> {
  const { dataFolder, externalUrl = EXTERNAL_URL } = options;
  const { codec, native } = loadCodec();
  const blobs = await LocalBlobStore.open(dataFolder, Date.now());
  // All reading goes through this.
  const fill = blobs.fill.bind(blobs);
  blobs.fill = async (digest, offset, into) => {
    options.onRead?.(digest);
    await fill(digest, offset, into);
  };
  const setup = { dataFolder, forceFallbackCodec: !native, mtime: MTIME };
  const pool = new WorkerPool(setup, options.threads ?? 2);
  const names = { registryHost: "registry.test", namespace: "", components: DEFAULT_COMPONENTS };
  const source = openSource(options.source);
  const policy = publicKeyPolicy([options.publicKey]);
  const versions = new Releases({
    source,
    repository: names.components.imager,
    filter: { min: parseVersion("1.2.0"), broken: [] },
    recheckMs: 60_000,
    now: () => performance.now(),
  });
  const derived: TestFactory["derived"] = [];
  const deriver = new Deriver({
    blobs,
    records: await LocalRecords.open(dataFolder),
    run: (kind, input, signal) => pool.run(kind, input, signal),
    codecs: `${codec.zstdId}, ${codec.xzId}`,
    mtime: MTIME,
    onDerived: (kind, key) => derived.push({ kind, key }),
  });
  const factory = new Factory({
    blobs,
    deriver,
    releases: new ReleaseAssets({ spec: options.source, source, policy, names, deriver }),
    schematics: await LocalSchematics.open(dataFolder),
    versions,
    grub: options.grubFolder === undefined ? undefined : new GrubFolder(options.grubFolder),
    catalog: new Catalog({ source, policy, names, releases: versions, codec }),
    externalUrl,
    mtime: MTIME,
  });
  const app = await buildApp({ factory, blobs, externalUrl, version: "test", logger: options.logger ?? false });
  return {
    app,
    factory,
    blobs,
    derived,
    async [Symbol.asyncDispose]() {
      await app.close();
      await pool.close();
      blobs.close();
    },
  };
}

/** Every file below a folder, sorted; two equal lists mean that nothing was stored in between. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length))
    .sort();
}
