import type { BlobRef } from "../extents/index.ts";
import {
  type CoreNames,
  type ImageSource,
  inNamespace,
  openImage,
  parseReference,
  type SourceSpec,
  type VerifiedImage,
} from "../sources/index.ts";
import type { TrustPolicy } from "../sources/trust/index.ts";
import type { Arch } from "../talos/arch.ts";
import { type Quirks, quirks } from "../talos/quirks.ts";
import type { TalosVersion } from "../talos/version.ts";
import type { ExtensionParts, FileTree, SquashfsCompression, UnpackedTree } from "../workers/protocol.ts";
import type { Deriver } from "./derive.ts";
import { ImagerError } from "./errors.ts";
import { SingleFlight } from "./singleflight.ts";

export interface ReleaseDeps {
  readonly spec: SourceSpec;
  readonly source: ImageSource;
  readonly policy: TrustPolicy;
  readonly names: CoreNames;
  readonly deriver: Deriver;
}

/** The boot files of a Talos version for one architecture, as blobs. */
export interface BaseAssets {
  readonly vmlinuz: BlobRef;
  readonly initramfs: BlobRef;
  /** Present from Talos 1.5 on. */
  readonly systemdBoot: BlobRef | undefined;
  readonly systemdStub: BlobRef | undefined;
}

/** An official image as a list of them has it. */
export interface OfficialRef {
  /** Its repository. */
  readonly name: string;
  readonly digest: string;
}

/** What stands in `usr/install/<arch>` of an imager image (imager.md 1.1). */
export const BASE_FILES = {
  vmlinuz: "vmlinuz",
  initramfs: "initramfs.xz",
  systemdBoot: "systemd-boot.efi",
  systemdStub: "systemd-stub.efi",
} as const;

/**
 * zstd level of squashfs blocks. The reference asks for 18 (imager.md 5.5); 14 takes 0.58 of the CPU per block and makes
 * squashfs images 2 % and whole images 0.5 % larger (bench/, the modules of Debian's kernel).
 */
const SQUASHFS_LEVEL = 14;

/** How a Talos version wants squashfs images compressed. */
export function squashfsCompression({ useZstdCompression }: Quirks): SquashfsCompression {
  return useZstdCompression ? { $case: "zstd", level: SQUASHFS_LEVEL } : { $case: "xz" };
}

/** Images that are open, or being opened and verified. */
interface Images {
  readonly opening: SingleFlight<VerifiedImage>;
  readonly opened: Map<string, VerifiedImage>;
}

/** Source images turned into blobs: opened, verified, unpacked once. */
export class ReleaseAssets {
  readonly #deps: ReleaseDeps;
  readonly #images: Images;

  constructor(deps: ReleaseDeps, images: Images = { opening: new SingleFlight(), opened: new Map() }) {
    this.#deps = deps;
    this.#images = images;
  }

  /** The same images, unpacked by another deriver. */
  with(deriver: Deriver): ReleaseAssets {
    return new ReleaseAssets({ ...this.#deps, deriver }, this.#images);
  }

  /** The boot files of a version. Throws `asset_missing` when the release has none for the architecture. */
  async base(version: TalosVersion, arch: Arch, signal: AbortSignal): Promise<BaseAssets> {
    // One image holds the files of both architectures and is always read for amd64 (factory.md 4.3).
    const image = await this.#open(this.#deps.names.components.imager, version.tag, "amd64", signal);
    const folder = `usr/install/${arch}/`;
    const paths = Object.values(BASE_FILES).map((name) => folder + name);
    const description = { layers: image.layers.map((layer) => layer.digest), paths };
    const input = { image: this.#layers(image), paths };
    const { files } = await this.#deps.deriver.derive({ kind: "files", description, input }, signal);
    const required = (name: string): BlobRef => {
      const found = files[folder + name];
      if (found) return found;
      throw new ImagerError("asset_missing", `Talos ${version.tag} has no ${name} for ${arch}`);
    };
    return {
      vmlinuz: required(BASE_FILES.vmlinuz),
      initramfs: required(BASE_FILES.initramfs),
      systemdBoot: files[folder + BASE_FILES.systemdBoot],
      systemdStub: files[folder + BASE_FILES.systemdStub],
    };
  }

  /** An official extension, split into what goes where. It is pulled by the digest the catalogue names. */
  async extension(ref: OfficialRef, version: TalosVersion, arch: Arch, signal: AbortSignal): Promise<ExtensionParts> {
    const image = await this.#official(ref, arch, signal);
    const rules = quirks(version);
    const { kernelModulesPath: modulesPath, firmwarePath } = rules;
    const parameters = { compression: squashfsCompression(rules), firmwarePath, modulesPath };
    const description = { layers: image.layers.map((layer) => layer.digest), ...parameters };
    const input = { image: this.#layers(image), ...parameters };
    return await this.#deps.deriver.derive({ kind: "extension", description, input }, signal);
  }

  /** The whole tree of an official image. */
  async contents(ref: OfficialRef, arch: Arch, signal: AbortSignal): Promise<UnpackedTree> {
    const image = await this.#official(ref, arch, signal);
    const description = { layers: image.layers.map((layer) => layer.digest) };
    const input = { image: this.#layers(image) };
    return await this.#deps.deriver.derive({ kind: "unpack", description, input }, signal);
  }

  /** One file of an official image, undefined when it is not there. */
  async file(ref: OfficialRef, path: string, arch: Arch, signal: AbortSignal): Promise<BlobRef | undefined> {
    const image = await this.#official(ref, arch, signal);
    const paths = [path];
    const description = { layers: image.layers.map((layer) => layer.digest), paths };
    const input = { image: this.#layers(image), paths };
    return (await this.#deps.deriver.derive({ kind: "files", description, input }, signal)).files[path];
  }

  /** An image that is named by its digest. */
  async #official({ name, digest }: OfficialRef, arch: Arch, signal: AbortSignal): Promise<VerifiedImage> {
    return await this.#open(parseReference(name).repository, digest, arch, signal);
  }

  #layers(image: VerifiedImage): FileTree {
    return { $case: "image", source: this.#deps.spec, repository: image.repository, layers: image.layers };
  }

  /** A verified image; what was verified once stays so for the life of the process, failures are not kept. */
  async #open(repository: string, reference: string, arch: Arch, signal: AbortSignal): Promise<VerifiedImage> {
    const { source, policy, names } = this.#deps;
    const key = `${repository} ${reference} ${arch}`;
    const { opening, opened } = this.#images;
    const known = opened.get(key);
    if (known) return known;
    const image = await opening.run(key, signal, () =>
      openImage({
        source,
        policy,
        repository: inNamespace(names, repository),
        reference,
        platform: { os: "linux", architecture: arch },
      }),
    );
    opened.set(key, image);
    return image;
  }
}
