import { availableVersions, compareVersions, type TalosVersion, type VersionFilter } from "../talos/version.ts";
import { SourceError } from "./errors.ts";
import type { ImageSource } from "./source.ts";

export interface ReleasesOptions {
  readonly source: Pick<ImageSource, "tags">;
  /** The imager's repository, namespace included. */
  readonly repository: string;
  readonly filter: VersionFilter;
  /** How long a list is good for, milliseconds. */
  readonly recheckMs: number;
  /** Milliseconds of any monotonic clock. */
  readonly now: () => number;
}

/**
 * The Talos versions on offer: those the imager repository has tags for (factory.md 4.2). One list is kept until it
 * is older than the recheck interval; concurrent callers share one question; a failure is given to those who asked
 * and not kept.
 */
export class Releases {
  readonly #options: ReleasesOptions;
  #current: { readonly at: number; readonly versions: readonly TalosVersion[] } | undefined;
  #pending: Promise<readonly TalosVersion[]> | undefined;

  constructor(options: ReleasesOptions) {
    this.#options = options;
  }

  /** All versions on offer, ascending. */
  versions(): Promise<readonly TalosVersion[]> {
    const { recheckMs, now } = this.#options;
    if (this.#current && now() - this.#current.at < recheckMs) return Promise.resolve(this.#current.versions);
    this.#pending ??= this.#ask().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  /** Throws `version_unavailable` unless the version is on offer. */
  async require(version: TalosVersion): Promise<void> {
    const offered = await this.versions();
    if (offered.some((other) => compareVersions(other, version) === 0)) return;
    throw new SourceError("version_unavailable", `version ${version.tag.slice(1)} is not available`);
  }

  async #ask(): Promise<readonly TalosVersion[]> {
    const { source, repository, filter, now } = this.#options;
    const versions = availableVersions(await source.tags(repository), filter);
    this.#current = { at: now(), versions };
    return versions;
  }
}
