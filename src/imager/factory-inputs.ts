import type { BlobRef } from "../extents/index.ts";
import { schematicExtension } from "../talos/extensions.ts";
import type { ContainerAsset, FileAsset } from "../talos/profile.ts";
import { CONTAINER_ASSET } from "../talos/profile-model.ts";
import type { Schematic } from "../talos/schematic.ts";
import type { TalosVersion } from "../talos/version.ts";
import type { UnpackedTree } from "../workers/protocol.ts";
import { ImagerError } from "./errors.ts";
import type { BaseFile, ExtensionContent, ProfileInputs, Target } from "./inputs.ts";
import type { BaseAssets, OfficialRef, ReleaseAssets } from "./release.ts";

/** Names of the boot files of a release. */
const BASE: Readonly<Record<BaseFile, { readonly key: keyof BaseAssets; readonly name: string }>> = {
  kernel: { key: "vmlinuz", name: "kernel" },
  initramfs: { key: "initramfs", name: "initramfs" },
  sdStub: { key: "systemdStub", name: "systemd-stub" },
  sdBoot: { key: "systemdBoot", name: "systemd-boot" },
};

/** How the factory's own profiles name an official extension or overlay: by repository and digest. */
export function officialAsset({ name, digest }: OfficialRef): ContainerAsset {
  return { ...CONTAINER_ASSET.zero, imageRef: `${name}@${digest}` };
}

function officialRef({ imageRef }: ContainerAsset): OfficialRef {
  const at = imageRef.lastIndexOf("@");
  return { name: imageRef.slice(0, at), digest: imageRef.slice(at + 1) };
}

/** How they name the one extension that is generated. */
export function schematicAsset(id: string): ContainerAsset {
  return { ...CONTAINER_ASSET.zero, tarballPath: `schematics/${id}.tar` };
}

/** What a profile of the factory names: files of the version's release, official extensions, the schematic itself. */
export class FactoryInputs implements ProfileInputs {
  readonly #releases: ReleaseAssets;
  readonly #version: TalosVersion;
  readonly #schematic: Schematic;
  readonly #externalUrl: string;

  constructor(releases: ReleaseAssets, version: TalosVersion, schematic: Schematic, externalUrl: string) {
    this.#releases = releases;
    this.#version = version;
    this.#schematic = schematic;
    this.#externalUrl = externalUrl;
  }

  async file(kind: BaseFile, _asset: FileAsset, { arch }: Target, signal: AbortSignal): Promise<BlobRef> {
    const base = await this.#releases.base(this.#version, arch, signal);
    const { key, name } = BASE[kind];
    const found = base[key];
    if (found) return found;
    throw new ImagerError("unsupported_version", `Talos ${this.#version.tag} comes without ${name}`);
  }

  async extension(asset: ContainerAsset, { arch }: Target, signal: AbortSignal): Promise<ExtensionContent> {
    if (asset.tarballPath !== "") {
      const extension = schematicExtension(this.#schematic, this.#version, this.#externalUrl);
      return { $case: "virtual", extension };
    }
    const parts = await this.#releases.extension(officialRef(asset), this.#version, arch, signal);
    return { $case: "image", parts };
  }

  /** Of what a schematic names, only an overlay is unpacked whole. */
  async contents(asset: ContainerAsset, { arch }: Pick<Target, "arch">, signal: AbortSignal): Promise<UnpackedTree> {
    return await this.#releases.contents(officialRef(asset), arch, signal);
  }
}
