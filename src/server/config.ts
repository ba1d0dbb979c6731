import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { FactoryError } from "../errors.ts";
import { registryBase, type SourceSpec } from "../sources/index.ts";
import type { ClientLimits } from "./limits.ts";

/** Settings of a server process. */
export interface ServerConfig {
  readonly source: SourceSpec;
  /** docker config.json with the credentials for a registry. */
  readonly registryAuth?: string | undefined;
  /** PEM file with authorities a registry's certificate may be of, besides the usual ones. */
  readonly registryCa?: string | undefined;
  /** PEM files with the keys that source images must be signed with; one good signature is enough. */
  readonly publicKeys: readonly string[];
  /** Folder with GRUB's module files (`i386-pc`, `x86_64-efi`, `arm64-efi`); undefined: nothing with GRUB is made. */
  readonly grubFolder?: string | undefined;
  readonly dataFolder: string;
  /** Size in bytes that blobs and derivation records are kept to; undefined: no limit. */
  readonly maxStoreBytes?: number | undefined;
  readonly host: string;
  readonly port: number;
  /** Where clients reach the server, without a slash at the end. It also stands in the images, as their author. */
  readonly externalUrl: string;
  readonly logLevel: string;
  /** Default `DEFAULT_CLIENT_LIMITS`; not an option of the command line. */
  readonly limits?: ClientLimits | undefined;
}

export class ConfigError extends FactoryError<"config_invalid"> {}

export const USAGE = `usage: npm start -- --source SOURCE --public-key FILE [option...]

  --source SOURCE        where Talos images come from: a folder with an OCI image layout, or a registry
                         (https://host[:port], http://host[:port])
  --registry-auth FILE   docker config.json with credentials for the registry; default: none, anonymous
  --registry-ca FILE     PEM certificates to trust for the registry, besides those of the system
  --public-key FILE      PEM public key the images are signed with (cosign key pair); may be repeated
  --grub FOLDER          GRUB 2.14 or later, as distributions install it: i386-pc, x86_64-efi and arm64-efi in one folder;
                         default: none, and images that boot through GRUB are refused
  --data FOLDER          data folder; default $XDG_DATA_HOME/image-foundry
  --max-size BYTES       size that the data folder is kept to, such as 20GiB: what was used least recently and can be
                         made again is removed; default: no limit
  --listen HOST:PORT     default 127.0.0.1:8080
  --external-url URL     where clients reach this server; default http://HOST:PORT
  --log-level LEVEL      fatal, error, warn, info, debug or trace; default info

To try it without a registry, build the fixture release and use it as the source:
  npm run fixture
`;

const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"];

function refuse(reason: string): never {
  throw new ConfigError("config_invalid", reason);
}

/** The default data folder (XDG Base Directory specification). */
function defaultDataFolder(environment: NodeJS.ProcessEnv): string {
  const base = environment.XDG_DATA_HOME;
  return join(base?.startsWith("/") ? base : join(homedir(), ".local", "share"), "image-foundry");
}

function parseSource(text: string): SourceSpec {
  if (/^https?:\/\//i.test(text)) {
    // The text is not repeated: it may hold a password.
    const base = registryBase(text) ?? refuse("--source: a registry is https://host[:port], without user and path");
    return { $case: "registry", base: base.origin };
  }
  const folder = resolve(text);
  if (!existsSync(join(folder, "oci-layout")))
    refuse(`--source: "${text}" is no OCI image layout (no oci-layout file)`);
  return { $case: "layout", folder };
}

/** A number of bytes: plain, or with a decimal (kB, MB…) or binary (KiB, MiB…) unit. */
function parseSize(text: string): number {
  const match = /^([0-9]{1,15})(?:([kMGT])B|([KMGT])iB)?$/.exec(text);
  const [decimal, binary] = ["kMGT".indexOf(match?.[2] ?? "-") + 1, "KMGT".indexOf(match?.[3] ?? "-") + 1];
  const bytes = Number(match?.[1]) * 1000 ** decimal * 1024 ** binary;
  if (!Number.isSafeInteger(bytes) || bytes === 0) refuse(`--max-size: "${text}" is no size such as 20GiB`);
  return bytes;
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:]+):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65535) refuse(`--listen: "${text}" is not HOST:PORT`);
  return { host: match[1]!.replace(/^\[|\]$/g, ""), port };
}

function parseExternalUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : refuse(`--external-url: "${text}" is not a URL`);
  if (url.protocol !== "http:" && url.protocol !== "https:") refuse("--external-url: must be http or https");
  if (url.search !== "" || url.hash !== "") refuse("--external-url: must have no query and no fragment");
  return url.href.replace(/\/+$/, "");
}

/** The path of a file that only a registry has a use for. */
function registryFile(option: string, path: string | undefined, source: SourceSpec): string | undefined {
  if (path !== undefined && source.$case !== "registry") refuse(`${option}: --source is no registry`);
  return path === undefined ? undefined : resolve(path);
}

/** Reads the command line. Throws `config_invalid` naming the option; the message is fit for a person. */
export function parseConfig(args: readonly string[], environment: NodeJS.ProcessEnv): ServerConfig {
  const { values } = readOptions(args);
  if (values.source === undefined) refuse("--source is missing: where do Talos images come from?");
  const keys = values["public-key"] ?? [];
  if (keys.length === 0) refuse("--public-key is missing: which key are the source images signed with?");
  const listen = parseListen(values.listen ?? "127.0.0.1:8080");
  const hostText = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  const logLevel = values["log-level"] ?? "info";
  if (!LEVELS.includes(logLevel)) refuse(`--log-level: "${logLevel}" is none of ${LEVELS.join(", ")}`);
  const source = parseSource(values.source);
  return {
    source,
    registryAuth: registryFile("--registry-auth", values["registry-auth"], source),
    registryCa: registryFile("--registry-ca", values["registry-ca"], source),
    publicKeys: keys.map((path) => resolve(path)),
    maxStoreBytes: values["max-size"] === undefined ? undefined : parseSize(values["max-size"]),
    grubFolder: values.grub === undefined ? undefined : resolve(values.grub),
    dataFolder: values.data === undefined ? defaultDataFolder(environment) : resolve(values.data),
    ...listen,
    externalUrl: parseExternalUrl(values["external-url"] ?? `http://${hostText}:${listen.port}`),
    logLevel,
  };
}

function readOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        source: { type: "string" },
        "registry-auth": { type: "string" },
        "registry-ca": { type: "string" },
        "public-key": { type: "string", multiple: true },
        grub: { type: "string" },
        data: { type: "string" },
        "max-size": { type: "string" },
        listen: { type: "string" },
        "external-url": { type: "string" },
        "log-level": { type: "string" },
      },
    });
  } catch (cause) {
    return refuse((cause as Error).message);
  }
}
