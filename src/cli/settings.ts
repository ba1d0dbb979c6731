/** What the environment says: where images come from, whom to trust, where results are kept. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { MiB } from "../bytes/align.ts";
import { messageOf } from "../errors.ts";
import { checkCertificates, registryBase, type SourceSpec } from "../sources/index.ts";
import { publicKeyPolicy, type TrustPolicy } from "../sources/trust/index.ts";
import { CliError } from "./errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Settings {
  /** Where the images of `ghcr.io` come from instead; undefined: from there. */
  readonly source: SourceSpec | undefined;
  /** PEM certificates of authorities that registries may have besides the usual ones. */
  readonly ca: string | undefined;
  readonly policy: TrustPolicy;
  /** Undefined: where distributions install GRUB, if it is new enough there. */
  readonly grubFolder: string | undefined;
  readonly cacheFolder: string;
  /** A cache that somebody asked for has to work. */
  readonly cacheAsked: boolean;
  /** The Talos version of profiles that name none; undefined: the newest one. */
  readonly version: string | undefined;
  /** A docker `config.json`; it need not exist. */
  readonly dockerConfig: string;
  /** Seconds since 1970. */
  readonly mtime: number;
}

const MAX_FILE_BYTES = 4 * MiB;
/** The time in everything that is made when nobody sets one: that of the reference's factory. */
const BUILD_TIME = 1559424892;

/** Reads the environment and the files it names. Throws `usage_invalid`, `epoch_invalid`, `file_unreadable`. */
export function readSettings(environment: Environment): Settings {
  const given = (name: string): string | undefined => environment[name] || undefined;
  const ca = given("IMAGER_CA");
  const grub = given("IMAGER_GRUB");
  const cache = given("IMAGER_CACHE");
  const source = given("IMAGER_SOURCE");
  const home = given("HOME") ?? homedir();
  return {
    source: source === undefined ? undefined : parseSource(source),
    ca: ca === undefined ? undefined : checked("IMAGER_CA", () => checkCertificates(textOf("IMAGER_CA", ca))),
    policy: trustPolicy(given("IMAGER_PUBLIC_KEYS")),
    grubFolder: grub === undefined ? undefined : resolve(grub),
    cacheFolder: cache === undefined ? join(cacheHome(given("XDG_CACHE_HOME"), home), "image-foundry") : resolve(cache),
    cacheAsked: cache !== undefined,
    version: given("IMAGER_VERSION"),
    dockerConfig: join(given("DOCKER_CONFIG") ?? join(home, ".docker"), "config.json"),
    mtime: buildTime(environment.SOURCE_DATE_EPOCH),
  };
}

/** XDG Base Directory specification: a relative path does not count. */
function cacheHome(given: string | undefined, home: string): string {
  return given?.startsWith("/") ? given : join(home, ".cache");
}

function parseSource(text: string): SourceSpec {
  if (/^https?:\/\//i.test(text)) {
    const base = registryBase(text);
    // The text is not repeated: it may hold a password.
    if (!base)
      throw new CliError("usage_invalid", "IMAGER_SOURCE: a registry is https://host[:port], without user and path");
    return { $case: "registry", base: base.origin };
  }
  const folder = resolve(text);
  if (existsSync(join(folder, "oci-layout"))) return { $case: "layout", folder };
  throw new CliError("usage_invalid", `IMAGER_SOURCE: ${folder} is no OCI image layout (no oci-layout file)`);
}

function trustPolicy(keys: string | undefined): TrustPolicy {
  if (keys === undefined) return { $case: "disabled" };
  const pems = keys.split(delimiter).map((path) => textOf("IMAGER_PUBLIC_KEYS", path));
  return checked("IMAGER_PUBLIC_KEYS", () => publicKeyPolicy(pems));
}

/** reproducible-builds.org, "SOURCE_DATE_EPOCH": seconds as a decimal number. */
function buildTime(text: string | undefined): number {
  if (text === undefined) return BUILD_TIME;
  const time = /^-?[0-9]{1,19}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(time) && time >= 0) return time;
  throw new CliError(
    "epoch_invalid",
    `SOURCE_DATE_EPOCH: ${JSON.stringify(text.slice(0, 60))} is no number of seconds`,
  );
}

function textOf(setting: string, path: string): string {
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw new Error(`${path}: more than ${MAX_FILE_BYTES} bytes`);
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new CliError("file_unreadable", `${setting}: ${messageOf(cause)}`, { cause });
  }
}

function checked<T>(setting: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new CliError("usage_invalid", `${setting}: ${messageOf(cause)}`, { cause });
  }
}
