import { messageOf } from "../errors.ts";
import type { BlobRef } from "../extents/index.ts";
import {
  LayoutSource,
  openImage,
  openSource,
  parseReference,
  type SourceSpec,
  type VerifiedImage,
} from "../sources/index.ts";
import type { TrustPolicy } from "../sources/trust/index.ts";
import { writeBlob } from "../store/local-blobs.ts";
import type { BlobStore } from "../store/ports.ts";
import type { ContainerAsset, FileAsset } from "../talos/profile.ts";
import type { FileTree, UnpackedTree } from "../workers/protocol.ts";
import type { Deriver } from "./derive.ts";
import { ImagerError, prefixed } from "./errors.ts";
import type { BaseFile, ExtensionContent, ProfileInputs, Target } from "./inputs.ts";
import { BASE_FILES, squashfsCompression } from "./release.ts";

export interface LocalInputsDeps {
  readonly deriver: Deriver;
  readonly blobs: BlobStore;
  /** Opens a file the profile names by its path. */
  readonly open: (path: string) => AsyncIterable<Uint8Array>;
  /** Where the images of a registry come from. */
  readonly registry: (host: string, insecure: boolean) => SourceSpec;
  readonly policy: TrustPolicy;
  /** The image whose `usr/install` stands where profiles expect `/usr/install`. */
  readonly install: string;
  /** Whether a file below `/usr/install` is to be read where it stands; without it, none is. */
  readonly isHere?: (path: string) => boolean;
}

const INSTALL = "/usr/install/";
const MAX_FILE_BYTES = 2 * 2 ** 30;
/** Images in a layout are found by digest; the name only stands in messages. */
const LAYOUT_NAME = "layout";
/** A folder somebody names is theirs to vouch for, as a tarball is. */
const UNSIGNED: TrustPolicy = { $case: "disabled" };
const DOCKER_HUB = ["docker.io", "index.docker.io"];

interface Origin {
  readonly spec: SourceSpec;
  readonly repository: string;
  readonly reference: string;
  readonly policy: TrustPolicy;
}

/** A tree to read and what identifies its bytes. */
interface Tree {
  readonly tree: FileTree;
  readonly identity: readonly string[];
}

/** What a profile names, from files, OCI layouts and registries: the command line's way (imager.md 5.1). */
export class LocalInputs implements ProfileInputs {
  readonly #deps: LocalInputsDeps;

  constructor(deps: LocalInputsDeps) {
    this.#deps = deps;
  }

  async file(kind: BaseFile, { path }: FileAsset, _target: Target, signal: AbortSignal): Promise<BlobRef> {
    if (path.startsWith(INSTALL) && !this.#deps.isHere?.(path)) return await this.#installed(path, signal);
    return await prefixed(kind, () => this.#import(path, signal));
  }

  async extension(asset: ContainerAsset, target: Target, signal: AbortSignal): Promise<ExtensionContent> {
    const { tree, identity } = await this.#tree(asset, target, signal);
    const { kernelModulesPath: modulesPath, firmwarePath } = target.quirks;
    const parameters = { compression: squashfsCompression(target.quirks), firmwarePath, modulesPath };
    const description = { layers: identity, ...parameters };
    const input = { image: tree, ...parameters };
    const parts = await this.#deps.deriver.derive({ kind: "extension", description, input }, signal);
    return { $case: "image", parts };
  }

  async contents(asset: ContainerAsset, of: Pick<Target, "arch">, signal: AbortSignal): Promise<UnpackedTree> {
    const { tree, identity } = await this.#tree(asset, of, signal);
    const description = { layers: identity };
    return await this.#deps.deriver.derive({ kind: "unpack", description, input: { image: tree } }, signal);
  }

  async #installed(path: string, signal: AbortSignal): Promise<BlobRef> {
    // The image of either architecture holds the files of both (factory.md 4.3).
    const { tree, identity } = await this.#image(this.#deps.install, false, "amd64", signal);
    const inside = path.slice(1);
    // The layers are read once for all files that most outputs need.
    const siblings = Object.values(BASE_FILES).map((name) => inside.slice(0, inside.lastIndexOf("/") + 1) + name);
    const paths = siblings.includes(inside) ? siblings : [inside];
    const description = { layers: identity, paths };
    const input = { image: tree, paths };
    const { files } = await this.#deps.deriver.derive({ kind: "files", description, input }, signal);
    const found = files[inside];
    if (found) return found;
    throw new ImagerError("asset_missing", `${path}: not in ${this.#deps.install}`);
  }

  async #import(path: string, signal: AbortSignal): Promise<BlobRef> {
    return await writeBlob(this.#deps.blobs, this.#reading(path, signal), { maxBytes: MAX_FILE_BYTES });
  }

  /** A file's bytes; what keeps it from being read is the fault of the profile that names it. */
  async *#reading(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#deps.open(path)) {
        signal.throwIfAborted();
        yield chunk;
      }
    } catch (cause) {
      signal.throwIfAborted();
      throw new ImagerError("asset_missing", `${path}: ${messageOf(cause)}`, { cause });
    }
  }

  /** A tarball comes before a layout, a layout before a reference (imager.md 1.1). */
  async #tree(asset: ContainerAsset, { arch }: Pick<Target, "arch">, signal: AbortSignal): Promise<Tree> {
    const { imageRef, forceInsecure, tarballPath, ociPath } = asset;
    if (tarballPath !== "") {
      const archive = await this.#import(tarballPath, signal);
      return { tree: { $case: "tar", archive }, identity: ["tar", archive.digest] };
    }
    if (ociPath === "") return await this.#image(imageRef, forceInsecure, arch, signal);
    const reference = await new LayoutSource(ociPath).forPlatform({ os: "linux", architecture: arch });
    const spec: SourceSpec = { $case: "layout", folder: ociPath };
    return await this.#opened({ spec, repository: LAYOUT_NAME, reference, policy: UNSIGNED }, arch, signal);
  }

  async #image(imageRef: string, insecure: boolean, arch: Target["arch"], signal: AbortSignal): Promise<Tree> {
    const { registry = "docker.io", repository: named, tag = "latest", digest } = parseReference(imageRef);
    const repository = DOCKER_HUB.includes(registry) && !named.includes("/") ? `library/${named}` : named;
    const { policy } = this.#deps;
    const spec = this.#deps.registry(registry, insecure);
    return await this.#opened({ spec, repository, reference: digest ?? tag, policy }, arch, signal);
  }

  async #opened(
    { spec, repository, reference, policy }: Origin,
    architecture: Target["arch"],
    signal: AbortSignal,
  ): Promise<Tree> {
    const source = openSource(spec, () => signal.throwIfAborted());
    const platform = { os: "linux", architecture };
    const { layers }: VerifiedImage = await openImage({ source, policy, repository, reference, platform });
    return {
      tree: { $case: "image", source: spec, repository, layers },
      identity: layers.map(({ digest }) => digest),
    };
  }
}
