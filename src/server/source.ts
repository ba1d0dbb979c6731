import { readFile, stat } from "node:fs/promises";
import { MiB } from "../bytes/align.ts";
import { FactoryError, messageOf } from "../errors.ts";
import { checkCertificates, parseDockerConfig, type SourceSpec } from "../sources/index.ts";
import { ConfigError, type ServerConfig } from "./config.ts";

const MAX_FILE_BYTES = 4 * MiB;

/** Reads a file an option names and what it means; every failure names the option and shows nothing of the content. */
async function readOption<T>(option: string, path: string, parse: (text: string) => T): Promise<T> {
  try {
    if ((await stat(path)).size > MAX_FILE_BYTES)
      throw new ConfigError("config_invalid", `more than ${MAX_FILE_BYTES} bytes`);
    return parse(await readFile(path, "utf8"));
  } catch (cause) {
    const where = cause instanceof FactoryError ? `${path}: ` : "";
    throw new ConfigError("config_invalid", `${option}: ${where}${messageOf(cause)}`, { cause });
  }
}

/**
 * The source with what its files say: credentials and authorities are read once, at the start, so that a wrong file
 * shows then, and travel to the workers as data. Throws `config_invalid`.
 */
export async function completeSource({ source, registryAuth, registryCa }: ServerConfig): Promise<SourceSpec> {
  if (source.$case !== "registry") return source;
  const { host } = new URL(source.base);
  return {
    ...source,
    ...(registryAuth !== undefined && {
      credentials: await readOption("--registry-auth", registryAuth, (text) => parseDockerConfig(text, host)),
    }),
    ...(registryCa !== undefined && { ca: await readOption("--registry-ca", registryCa, checkCertificates) }),
  };
}
