import { GiB } from "../bytes/align.ts";
import type { Digest } from "../bytes/digest.ts";
import {
  type Descriptor,
  type Document,
  type ImageConfig,
  type Index,
  layerCompression,
  type Manifest,
  MediaType,
  OciLimits,
  type Platform,
  parseConfig,
  parseDocument,
  parseManifest,
} from "../formats/oci/index.ts";
import { parsing, SourceError } from "./errors.ts";
import type { BlobDescriptor, ImageSource } from "./source.ts";
import { type Evidence, type TrustPolicy, verifyImage } from "./trust/index.ts";
import { collect } from "./verify.ts";

/** A layer blob: media type, digest and size in bytes; plain data that may cross threads. */
export type LayerRef = BlobDescriptor;

/** An image whose signature was checked, for one platform. */
export interface VerifiedImage {
  readonly repository: string;
  /** What the tag pointed at and what the signature is over: the index where there is one. */
  readonly digest: Digest;
  /** The platform's manifest; the same as `digest` for an image without index. */
  readonly manifestDigest: Digest;
  readonly manifest: Manifest;
  /** Bottom layer first; all of known compression. */
  readonly layers: readonly LayerRef[];
  readonly evidence: Evidence;
}

export interface OpenImageRequest {
  readonly source: ImageSource;
  readonly policy: TrustPolicy;
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
  readonly platform: Platform;
}

/** The most one layer, and all layers of an image, may weigh (compressed bytes). */
const LAYER_BYTES = 4 * GiB;
const IMAGE_BYTES = 8 * GiB;

/** The entry for a platform; operating system and architecture decide, the variant does not. */
function choosePlatform(index: Index, platform: Platform, name: string): Descriptor {
  const found = index.manifests.find(
    (entry) => entry.platform?.os === platform.os && entry.platform.architecture === platform.architecture,
  );
  if (found) return found;
  throw new SourceError("not_found", `${name}: no image for ${platform.os}/${platform.architecture} in its index`);
}

function checkLayers(manifest: Manifest, name: string): readonly LayerRef[] {
  let total = 0;
  return manifest.layers.map(({ mediaType, digest, size }, i) => {
    total += size;
    if (size > LAYER_BYTES || total > IMAGE_BYTES) {
      throw new SourceError("too_large", `${name}: layers[${i}].size: ${size} bytes are more than an image may have`);
    }
    if (layerCompression(mediaType) === undefined) {
      throw new SourceError("malformed", `${name}: layers[${i}].mediaType: "${mediaType}" is no file system layer`);
    }
    return { mediaType, digest, size };
  });
}

async function manifestFor(
  request: OpenImageRequest,
  root: BlobDescriptor,
  name: string,
): Promise<{ readonly digest: Digest; readonly manifest: Manifest }> {
  const { source, repository, platform } = request;
  const bytes = await source.manifest(repository, root.digest);
  const document: Document = parsing(name, () => parseDocument(bytes, root.mediaType));
  if (document.$case === "manifest") return { digest: root.digest, manifest: document.manifest };
  const entry = choosePlatform(document.index, platform, name);
  const inner = await source.manifest(repository, entry.digest);
  const manifest = parsing(`${name}: ${entry.digest}`, () => parseManifest(inner, entry.mediaType));
  return { digest: entry.digest, manifest };
}

/**
 * Opens an image: pins the digest of the reference, checks the signature of that digest, and only then reads the
 * index, the platform's manifest and its layer list. Throws `not_found`, `verification_failed`, `malformed`,
 * `too_large`, `digest_mismatch`, `denied`, `unreachable`.
 */
export async function openImage(request: OpenImageRequest): Promise<VerifiedImage> {
  const { source, policy, repository, reference } = request;
  const root = await source.resolve(repository, reference);
  const evidence = await verifyImage(source, repository, root.digest, policy);
  const name = `${repository}@${root.digest}`;
  const { digest, manifest } = await manifestFor(request, root, name);
  const layers = checkLayers(manifest, name);
  return { repository, digest: root.digest, manifestDigest: digest, manifest, layers, evidence };
}

/** The config of an opened image. Throws `malformed`, `too_large`, `digest_mismatch`, `size_mismatch`. */
export async function imageConfig(source: ImageSource, image: VerifiedImage): Promise<ImageConfig> {
  const { config } = image.manifest;
  const name = `${image.repository}@${image.manifestDigest}: config`;
  if (config.mediaType !== MediaType.ociConfig && config.mediaType !== MediaType.dockerConfig) {
    throw new SourceError("malformed", `${name}: "${config.mediaType}" is no image config`);
  }
  const bytes = await collect(source.blob(image.repository, config), OciLimits.documentBytes, name);
  return parsing(name, () => parseConfig(bytes));
}
