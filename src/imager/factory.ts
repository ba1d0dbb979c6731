import { FactoryError } from "../errors.ts";
import type { Recipe } from "../extents/index.ts";
import type { Catalog, ExtensionRef, GrubFolder, OverlayRef, Releases } from "../sources/index.ts";
import type { BlobLease, LeasedBlobs, SchematicStore } from "../store/ports.ts";
import type { Arch } from "../talos/arch.ts";
import { type EnhanceContext, enhanceProfile } from "../talos/enhance.ts";
import type { Profile } from "../talos/profile.ts";
import { fillDefaults } from "../talos/profile-defaults.ts";
import { CONTAINER_ASSET } from "../talos/profile-model.ts";
import { profileFromPath } from "../talos/profile-names.ts";
import { quirks } from "../talos/quirks.ts";
import { parseSchematic, type Schematic } from "../talos/schematic.ts";
import { emitSchematic, schematicId } from "../talos/schematic-emit.ts";
import { parseVersion, type TalosVersion } from "../talos/version.ts";
import { buildOutput, checkBuildable, targetCmdline } from "./build.ts";
import type { BuildDeps } from "./deps.ts";
import { ImagerError, prefixed } from "./errors.ts";
import { FactoryInputs, officialAsset, schematicAsset } from "./factory-inputs.ts";
import { GrubImages } from "./grub.ts";
import { type Target, targetOf } from "./inputs.ts";
import { HOST_ARCH, MAX_PROFILE_BYTES } from "./overlay.ts";
import type { OfficialRef, ReleaseAssets } from "./release.ts";

/** A plan whose blobs are removed under its hands by another process is made anew, this often in all. */
const ATTEMPTS = 2;

export interface FactoryDeps extends Omit<BuildDeps, "inputs" | "grub"> {
  readonly blobs: LeasedBlobs;
  readonly releases: ReleaseAssets;
  /** Folder with GRUB's module files; undefined: nothing with GRUB is made. */
  readonly grub: GrubFolder | undefined;
  readonly externalUrl: string;
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
      const { target, schematic, version } = await this.#resolve(address, address.path, signal);
      checkBuildable(target);
      const deriver = this.#deps.deriver.holding(own);
      const releases = this.#deps.releases.with(deriver);
      const inputs = new FactoryInputs(releases, version, schematic, this.#deps.externalUrl);
      const grub = this.#deps.grub && new GrubImages(this.#deps.grub, deriver);
      return await again(() => buildOutput({ ...this.#deps, deriver, inputs, grub }, target, signal));
    } finally {
      if (own !== lease) own.release();
    }
  }

  /** What an iPXE script needs: it boots kernel and initramfs with the command line of the platform. */
  async pxe(
    address: AssetAddress,
    signal: AbortSignal,
  ): Promise<{ readonly version: TalosVersion; readonly arch: Arch; readonly cmdline: string }> {
    const { target, version } = await this.#resolve(address, `cmdline-${address.path}`, signal);
    checkBuildable(target);
    return { version, arch: target.arch, cmdline: targetCmdline(target) };
  }

  /** Schematic, version, path and profile, in the order the reference looks at them (factory.md 1.7). */
  async #resolve(
    address: AssetAddress,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly target: Target; readonly schematic: Schematic; readonly version: TalosVersion }> {
    const schematic = await this.#schematic(address.schematic);
    const version = parseVersion(address.version);
    const asked = await prefixed("error parsing profile from path", () => profileFromPath(path));
    await this.#deps.versions.require(version);
    const enhanced = await prefixed("error enhancing profile from schematic", async () =>
      enhanceProfile(asked, schematic, version, await this.#context(asked, schematic, version, signal)),
    );
    return { target: targetOf(fillDefaults(enhanced, { exists: () => false })), schematic, version };
  }

  /** What is on offer for a request; lists that it does not need are not read. */
  async #context(
    { arch, output }: Profile,
    schematic: Schematic,
    version: TalosVersion,
    signal: AbortSignal,
  ): Promise<EnhanceContext> {
    const bare = output.kind === "kernel" || output.kind === "cmdline";
    const wanted = !bare && schematic.customization.systemExtensions.officialExtensions.length > 0;
    const extensions = wanted ? await this.#deps.catalog.extensions(version) : [];
    const refs = new Map(extensions.map((ref) => [ref.name, ref]));
    const overlay = bare ? undefined : await this.#overlay(schematic.overlay.name, version);
    return {
      secureboot: undefined,
      extensions: extensions.map(({ name }) => name),
      overlays: overlay ? [{ ...overlay, profile: await this.#overlayProfile(overlay, arch as Arch, signal) }] : [],
      hostArch: HOST_ARCH,
      locations: {
        baseInstaller: () => CONTAINER_ASSET.zero,
        extension: (name) => officialAsset(refs.get(name)!),
        schematicExtension: () => schematicAsset(schematicId(schematic)),
        overlay: () => officialAsset(imageOf(overlay!)),
      },
    };
  }

  /** The official overlay of a name, undefined when there is none. Versions that know no overlays are refused later. */
  async #overlay(wanted: string, version: TalosVersion): Promise<OverlayRef | undefined> {
    if (wanted === "" || !quirks(version).supportsOverlay) return undefined;
    return (await this.#deps.catalog.overlays(version)).find(({ name }) => name === wanted);
  }

  async #overlayProfile(overlay: OverlayRef, arch: Arch, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { blobs, releases } = this.#deps;
    const path = `profiles/${overlay.name}.yaml`;
    return await again(async () => {
      const file = await releases.file(imageOf(overlay), path, arch, signal);
      if (!file || file.size <= MAX_PROFILE_BYTES) return file && (await blobs.read(file.digest, 0, file.size));
      throw new ImagerError("overlay_invalid", `${path}: more than ${MAX_PROFILE_BYTES} bytes`);
    });
  }

  async #schematic(id: string): Promise<Schematic> {
    const text = await this.#deps.schematics.get(id);
    if (text === undefined) {
      throw new ImagerError("schematic_not_found", `schematic ID "${id.slice(0, 128)}" not found`);
    }
    return parseSchematic(text);
  }
}

/** An overlay is offered under its own name, which is not that of its image. */
function imageOf({ image, digest }: OverlayRef): OfficialRef {
  return { name: image, digest };
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
