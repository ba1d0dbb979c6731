import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { type Logger, pino } from "pino";
import { messageOf } from "../errors.ts";
import { Deriver } from "../imager/derive.ts";
import { Factory } from "../imager/factory.ts";
import { ReleaseAssets } from "../imager/release.ts";
import { Catalog, type CoreNames, DEFAULT_COMPONENTS, GrubFolder, openSource, Releases } from "../sources/index.ts";
import { publicKeyPolicy } from "../sources/trust/index.ts";
import { Evictor } from "../store/eviction.ts";
import { LocalBlobStore } from "../store/local-blobs.ts";
import { LocalRecords, LocalSchematics } from "../store/local-records.ts";
import { parseVersion } from "../talos/version.ts";
import { loadCodec } from "../workers/codec.ts";
import { isolation } from "../workers/isolation.ts";
import { WorkerPool } from "../workers/pool.ts";
import { buildApp } from "./app.ts";
import { ConfigError, type ServerConfig } from "./config.ts";
import { completeSource } from "./source.ts";

/** The time in everything that is made: the constant the reference's factory uses for every version (design: determinism). */
const BUILD_TIME = 1559424892;

/** How long a list of versions is good for (factory.md 4.2). */
const RECHECK_MS = 15 * 60 * 1000;
const MIN_VERSION = parseVersion("1.2.0");
const VERSION = "0.1.0";

export interface RunningServer {
  readonly url: string;
  readonly app: FastifyInstance;
  /** Refuses new requests, lets running downloads finish for at most `graceMs`, then ends everything. */
  close(graceMs: number): Promise<void>;
}

async function readKeys(files: readonly string[]): Promise<readonly string[]> {
  return await Promise.all(
    files.map((file) =>
      readFile(file, "utf8").catch((cause: unknown) => {
        throw new ConfigError("config_invalid", `--public-key: ${messageOf(cause)}`, { cause });
      }),
    ),
  );
}

function coreNames(config: ServerConfig): CoreNames {
  const host = config.source.$case === "registry" ? new URL(config.source.base).host : "ghcr.io";
  return { registryHost: host, namespace: "", components: DEFAULT_COMPONENTS };
}

async function openGrub(path: string | undefined): Promise<GrubFolder | undefined> {
  if (path === undefined) return undefined;
  const folder = new GrubFolder(path);
  await folder.check().catch((cause: unknown) => {
    throw new ConfigError("config_invalid", `--grub: ${messageOf(cause)}`, { cause });
  });
  return folder;
}

/** What keeps the store within its size, when it has one. */
function openEvictor(
  { dataFolder, maxStoreBytes: maxBytes }: ServerConfig,
  blobs: LocalBlobStore,
  logger: Logger,
): Evictor | undefined {
  if (maxBytes === undefined) return undefined;
  return new Evictor({
    dataFolder,
    blobs,
    maxBytes,
    onSwept(swept) {
      if (swept.removed > 0) logger.info(swept, "evicted");
      else if (swept.bytes > maxBytes) logger.warn(swept, "the store is over its limit: all of it is in use");
    },
    onFailure: (cause) => logger.error({ error: messageOf(cause) }, "eviction failed"),
  });
}

/** Wires all rooms together and listens. Throws `config_invalid` for files that cannot be read. */
export async function startServer(config: ServerConfig): Promise<RunningServer> {
  const logger: Logger = pino({ level: config.logLevel });
  const policy = publicKeyPolicy(await readKeys(config.publicKeys));
  const spec = await completeSource(config);
  const { codec, native, reason } = loadCodec();
  if (!native) logger.warn({ reason }, "native codec missing (npm run native builds it): compression is slower");
  // The requests hold what they read, so no file needs to stay open beyond them.
  const blobs = await LocalBlobStore.open(config.dataFolder, Date.now(), { unusedFiles: 0 });
  const isolated = await isolation(join(config.dataFolder, "tmp"));
  if (isolated !== "namespaces") logger.warn({ isolation: isolated }, "overlay executables run without namespaces");
  const pool = new WorkerPool({ dataFolder: config.dataFolder, forceFallbackCodec: !native, mtime: BUILD_TIME });
  const names = coreNames(config);
  const source = openSource(spec);
  const versions = new Releases({
    source,
    repository: names.components.imager,
    filter: { min: MIN_VERSION, broken: [] },
    recheckMs: RECHECK_MS,
    now: () => performance.now(),
  });
  const records = await LocalRecords.open(config.dataFolder);
  const evictor = openEvictor(config, blobs, logger);
  const deriver = new Deriver({
    blobs,
    records,
    run: (kind, input, signal) => pool.run(kind, input, signal),
    codecs: `${codec.zstdId}, ${codec.xzId}`,
    mtime: BUILD_TIME,
    onDerived(kind, key, duration, bytes) {
      logger.info({ kind, key, duration, bytes }, "derived");
      evictor?.added(bytes);
    },
  });
  const factory = new Factory({
    blobs,
    deriver,
    releases: new ReleaseAssets({ spec, source, policy, names, deriver }),
    schematics: await LocalSchematics.open(config.dataFolder),
    versions,
    grub: await openGrub(config.grubFolder),
    catalog: new Catalog({ source, policy, names, releases: versions, codec }),
    externalUrl: config.externalUrl,
    mtime: BUILD_TIME,
  });
  const app = await buildApp({
    factory,
    blobs,
    externalUrl: config.externalUrl,
    version: VERSION,
    logger,
    limits: config.limits,
  });
  const url = await app.listen({ host: config.host, port: config.port });
  return {
    url,
    app,
    async close(graceMs) {
      const force = setTimeout(() => app.server.closeAllConnections(), graceMs);
      await app.close();
      clearTimeout(force);
      await pool.close();
      await evictor?.close();
      blobs.close();
    },
  };
}
