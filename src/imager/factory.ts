import { FactoryError } from "../errors.ts";
import type { Recipe } from "../extents/index.ts";
import { type Catalog, type ExtensionRef, findExtension, type OverlayRef, type Releases } from "../sources/index.ts";
import type { BlobLease, LeasedBlobs, SchematicStore } from "../store/ports.ts";
import type { Arch } from "../talos/arch.ts";
import { type AssetRequest, parseAssetPath } from "../talos/assetname.ts";
import { quirks } from "../talos/quirks.ts";
import { parseSchematic, type Schematic } from "../talos/schematic.ts";
import { emitSchematic, schematicId } from "../talos/schematic-emit.ts";
import { parseVersion, type TalosVersion } from "../talos/version.ts";
import { type AssetDeps, type AssetInput, assetCmdline, assetRecipe, checkBuildable } from "./assets.ts";
import { ImagerError, notBuilt, prefixed } from "./errors.ts";

/** A plan whose blobs are removed under its hands by another process is made anew, this often in all. */
const ATTEMPTS = 2;

export interface FactoryDeps extends AssetDeps {
  readonly blobs: LeasedBlobs;
  readonly schematics: SchematicStore;
  readonly versions: Releases;
  readonly catalog: Catalog;
}

/** What a request names, as it stands in the URL. */
export interface AssetAddress {
  readonly schematic: string;
  readonly version: string;
  readonly path: string;
}

/** Everything the factory can be asked, independent of how the question arrives. */
export class Factory {
  readonly #deps: FactoryDeps;

  constructor(deps: FactoryDeps) {
    this.#deps = deps;
  }

  /** Stores a schematic given as YAML or JSON. Throws `schematic_invalid`, `owner_refused`. */
  async putSchematic(text: Uint8Array): Promise<{ readonly id: string; readonly canonical: string }> {
    const schematic = parseSchematic(text);
    if (schematic.owner !== "")
      throw new ImagerError("owner_refused", "owner: there are no accounts to own schematics");
    const [id, canonical] = [schematicId(schematic), emitSchematic(schematic)];
    await this.#deps.schematics.put(id, canonical);
    return { id, canonical };
  }

  /** The canonical text of a schematic. Throws `schematic_not_found`. */
  async schematicText(id: string): Promise<string> {
    const text = await this.#deps.schematics.get(id);
    if (text === undefined) throw new ImagerError("schematic_not_found", "schematic not found");
    return text;
  }

  /** The Talos versions on offer, ascending. */
  versions(): Promise<readonly TalosVersion[]> {
    return this.#deps.versions.versions();
  }

  async extensions(version: string): Promise<readonly ExtensionRef[]> {
    return await this.#deps.catalog.extensions(parseVersion(version));
  }

  async overlays(version: string): Promise<readonly OverlayRef[]> {
    return await this.#deps.catalog.overlays(parseVersion(version));
  }

  /**
   * The recipe of an asset. `lease` holds its blobs, and those needed on the way; without one they may be evicted as
   * soon as the recipe is there. Throws the coded errors of every step; see `server/errors.ts` for what becomes of them.
   */
  async asset(address: AssetAddress, signal: AbortSignal, lease?: BlobLease): Promise<Recipe> {
    const own = lease ?? this.#deps.blobs.lease();
    try {
      const input = await this.#resolve(address, address.path);
      checkBuildable(input);
      const deriver = this.#deps.deriver.holding(own);
      const deps = { ...this.#deps, deriver, releases: this.#deps.releases.with(deriver) };
      return await again(() => assetRecipe(deps, input, signal));
    } finally {
      if (own !== lease) own.release();
    }
  }

  /** What an iPXE script needs: it boots kernel and initramfs with the command line of the platform. */
  async pxe(
    address: AssetAddress,
  ): Promise<{ readonly version: TalosVersion; readonly arch: Arch; readonly cmdline: string }> {
    const input = await this.#resolve(address, `cmdline-${address.path}`);
    checkBuildable(input);
    if (input.request.secureboot) throw notBuilt("SecureBoot", "the script without -secureboot is");
    return { version: input.version, arch: input.request.arch, cmdline: assetCmdline(input) };
  }

  /** Schematic, version, path and extensions, in the order the reference looks at them (factory.md 1.7). */
  async #resolve(address: AssetAddress, path: string): Promise<AssetInput> {
    const schematic = await this.#schematic(address.schematic);
    const version = parseVersion(address.version);
    const request = await prefixed("error parsing profile from path", () => parseAssetPath(path));
    await this.#deps.versions.require(version);
    const extensions = await prefixed("error enhancing profile from schematic", () =>
      this.#extensions(request, schematic, version),
    );
    return { request, schematic, version, extensions };
  }

  async #schematic(id: string): Promise<Schematic> {
    const text = await this.#deps.schematics.get(id);
    if (text === undefined) {
      throw new ImagerError("schematic_not_found", `schematic ID "${id.slice(0, 128)}" not found`);
    }
    return parseSchematic(text);
  }

  async #extensions(
    request: AssetRequest,
    { customization, overlay }: Schematic,
    version: TalosVersion,
  ): Promise<readonly ExtensionRef[]> {
    const q = quirks(version);
    const bare = request.$case === "kernel" || request.$case === "cmdline";
    if (!bare && customization.embeddedMachineConfiguration !== "" && !q.supportsEmbeddedConfig) {
      throw new ImagerError(
        "unsupported_version",
        `embedding configuration is not supported for Talos version ${version.tag}`,
      );
    }
    if (overlay.name !== "" && !q.supportsOverlay) {
      throw new ImagerError("unsupported_version", `overlay is not supported for Talos version ${version.tag}`);
    }
    const names = customization.systemExtensions.officialExtensions;
    if (bare || names.length === 0) return [];
    const catalogue = await this.#deps.catalog.extensions(version);
    return names.map((name) => findExtension(catalogue, name, version));
  }
}

/** Tries once more when a blob is gone that was there: jobs open their inputs by name. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof FactoryError) || error.code !== "blob_missing") throw error;
    }
  }
}
