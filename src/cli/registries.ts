/** Where the images come from that profiles name, and with whose name they are asked for. */
import { readFileSync } from "node:fs";
import { messageOf } from "../errors.ts";
import {
  DEFAULT_COMPONENTS,
  dockerCredentials,
  openSource,
  type RegistryCredentials,
  Releases,
  type SourceSpec,
} from "../sources/index.ts";
import { parseTolerant, parseVersion } from "../talos/version.ts";
import { CliError } from "./errors.ts";
import type { Settings } from "./settings.ts";

/** Where Sidero Labs publish Talos. */
const TALOS_HOST = "ghcr.io";
/** Docker Hub is not called as it is reached, and its credentials stand under a third name. */
const HUB = { names: ["docker.io", "index.docker.io"], host: "registry-1.docker.io", login: "index.docker.io" };
/** The first version whose images are made here (factory.md 4.2). */
const OLDEST = parseVersion("1.2.0");

export class Registries {
  readonly #settings: Settings;
  readonly #warn: (line: string) => void;
  readonly #warned = new Set<string>();

  constructor(settings: Settings, warn: (line: string) => void) {
    this.#settings = settings;
    this.#warn = warn;
  }

  /** Where the images of a registry come from; `insecure` asks over plain HTTP. */
  spec(host: string, insecure: boolean): SourceSpec {
    const { source, policy } = this.#settings;
    if (policy.$case === "disabled") {
      this.#once("warning: image signatures are NOT checked; IMAGER_PUBLIC_KEYS names the keys to check them with");
    }
    if (source && host === TALOS_HOST) return source.$case === "registry" ? this.#registry(source.base) : source;
    const reached = HUB.names.includes(host) ? HUB.host : host;
    return this.#registry(`${insecure ? "http" : "https"}://${reached}`);
  }

  /** The image whose files stand where profiles expect `/usr/install`. */
  installImage(version: string): string {
    return `${TALOS_HOST}/${DEFAULT_COMPONENTS.imager}:${parseTolerant(version)?.tag ?? version}`;
  }

  /** The tag of the newest Talos version that is no prerelease. Throws `usage_invalid`, and what a source throws. */
  async newest(): Promise<string> {
    const releases = new Releases({
      source: openSource(this.spec(TALOS_HOST, false)),
      repository: DEFAULT_COMPONENTS.imager,
      filter: { min: OLDEST, broken: [] },
      recheckMs: 0,
      now: () => 0,
    });
    const found = (await releases.versions()).findLast(({ prerelease }) => prerelease === undefined);
    if (found) return found.tag;
    throw new CliError("usage_invalid", "no stable version is on offer");
  }

  #registry(base: string): SourceSpec {
    const { host } = new URL(base);
    const credentials = this.#credentials(host === HUB.host ? HUB.login : host);
    const { ca } = this.#settings;
    return { $case: "registry", base, ...(credentials && { credentials }), ...(ca !== undefined && { ca }) };
  }

  /** Nothing there, or nothing that can be used, is no failure: most images are for everybody. */
  #credentials(host: string): RegistryCredentials | undefined {
    const { dockerConfig } = this.#settings;
    let json: string;
    try {
      json = readFileSync(dockerConfig, "utf8");
    } catch {
      return undefined;
    }
    try {
      return dockerCredentials(json, host);
    } catch (cause) {
      this.#once(`warning: ${dockerConfig}: ${messageOf(cause)}; ${host} is asked anonymously`);
      return undefined;
    }
  }

  #once(line: string): void {
    if (!this.#warned.has(line)) this.#warn(line);
    this.#warned.add(line);
  }
}
