import { isAtLeast, type TalosVersion } from "../talos/version.ts";
import { type CoreNames, inNamespace } from "./components.ts";
import type { LayerCodec } from "./decompress.ts";
import { isNotFound, SourceError } from "./errors.ts";
import { readFiles } from "./files.ts";
import { openImage } from "./images.ts";
import { layerStreams } from "./layers.ts";
import { type ExtensionRef, type OverlayRef, parseExtensions, parseOverlays } from "./manifests.ts";
import type { Releases } from "./releases.ts";
import type { ImageSource } from "./source.ts";
import type { TrustPolicy } from "./trust/index.ts";

export interface CatalogOptions {
  readonly source: ImageSource;
  readonly policy: TrustPolicy;
  readonly names: CoreNames;
  readonly releases: Pick<Releases, "require">;
  readonly codec: LayerCodec;
}

/** Manifest images are always read for this platform (factory.md 4.4). */
const PLATFORM = { os: "linux", architecture: "amd64" } as const;

/**
 * The official extensions and overlays of each Talos version (factory.md 4.3). A list that was read is kept for good,
 * a failure is not; concurrent callers share one read. Errors: `version_unavailable`, `catalog_missing`, and those of
 * `openImage` and `readFiles`.
 */
export class Catalog {
  readonly #options: CatalogOptions;
  readonly #extensions = new Map<string, Promise<readonly ExtensionRef[]>>();
  readonly #overlays = new Map<string, Promise<readonly OverlayRef[]>>();

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** In the manifest's order. */
  async extensions(version: TalosVersion): Promise<readonly ExtensionRef[]> {
    await this.#options.releases.require(version);
    return kept(this.#extensions, version.tag, () => this.#readExtensions(version));
  }

  /** In the manifest's order; none before Talos 1.7, which knows no overlays, on offer or not. */
  async overlays(version: TalosVersion): Promise<readonly OverlayRef[]> {
    if (!isAtLeast(version, 1, 7)) return [];
    await this.#options.releases.require(version);
    return kept(this.#overlays, version.tag, () => this.#readOverlays(version));
  }

  async #readExtensions(version: TalosVersion): Promise<readonly ExtensionRef[]> {
    const { names } = this.#options;
    const files = await this.#files(names.components.extensions, version, ["image-digests", "descriptions.yaml"]);
    const digests = files.get("image-digests") ?? new Uint8Array();
    const list = parseExtensions(digests, files.get("descriptions.yaml"), names.registryHost);
    if (list.length === 0) throw new SourceError("catalog_missing", `extensions ${version.tag}: no image-digests`);
    return list;
  }

  async #readOverlays(version: TalosVersion): Promise<readonly OverlayRef[]> {
    const files = await this.#files(this.#options.names.components.overlays, version, ["overlays.yaml"]);
    const list = parseOverlays(files.get("overlays.yaml") ?? new Uint8Array());
    if (list.length === 0) throw new SourceError("catalog_missing", `overlays ${version.tag}: no overlays.yaml`);
    return list;
  }

  async #files(component: string, version: TalosVersion, paths: readonly string[]) {
    const { source, policy, names, codec } = this.#options;
    const repository = inNamespace(names, component);
    try {
      const request = { source, policy, repository, reference: version.tag, platform: PLATFORM };
      const { layers } = await openImage(request);
      return await readFiles(layerStreams(source, repository, layers), paths, { codec });
    } catch (cause) {
      // The version is on offer: that its list is missing is our supplier's failure, not the user's.
      if (!isNotFound(cause)) throw cause;
      throw new SourceError("catalog_missing", `${repository}:${version.tag}: not found`, { cause });
    }
  }
}

function kept<T>(cache: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const known = cache.get(key);
  if (known) return known;
  const reading = read();
  cache.set(key, reading);
  reading.catch(() => cache.delete(key));
  return reading;
}
