import type { Digest } from "../../bytes/digest.ts";
import { FactoryError } from "../../errors.ts";

/** Media types: OCI image spec 1.1 "media-types.md", Docker "image manifest version 2, schema 2". */
export const MediaType = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerLayerZstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
} as const;

/** Annotation that names an entry of an image layout's `index.json` (OCI image spec 1.1 "annotations.md"). */
export const REF_NAME_ANNOTATION = "org.opencontainers.image.ref.name";

/** What the parsers accept at most. */
export const OciLimits = {
  /** Bytes of one manifest, index or config (the distribution spec's recommended maximum). */
  documentBytes: 4 * 1024 * 1024,
  layers: 128,
  /** Entries of an index. */
  manifests: 1024,
  annotations: 256,
  /** Code units of one string value. A signature with its certificates and log entry is an annotation. */
  textLength: 64 * 1024,
  history: 1024,
  /** Nesting of the free-form container config. */
  configDepth: 8,
} as const;

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type Annotations = Readonly<Record<string, string>>;

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** What points at a blob: its type, its digest and its size in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly platform?: Platform;
  readonly annotations?: Annotations;
}

export interface Manifest {
  readonly mediaType: typeof MediaType.ociManifest | typeof MediaType.dockerManifest;
  readonly artifactType?: string;
  readonly config: Descriptor;
  /** Bottom layer first. */
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

export interface Index {
  readonly mediaType: typeof MediaType.ociIndex | typeof MediaType.dockerIndex;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

/** The image config blob. `config` is the container's run configuration, kept as the free-form JSON it is. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  /** RFC 3339. */
  readonly created?: string;
  readonly author?: string;
  readonly history?: readonly HistoryEntry[];
  /** Digests of the uncompressed layers, bottom first. */
  readonly diffIds: readonly Digest[];
  readonly config?: { readonly [key: string]: JsonValue };
}

export type OciErrorCode = "oci_malformed" | "oci_too_large" | "oci_unsupported";

/** `oci_malformed`: not what the spec describes; `oci_too_large`: beyond `OciLimits`; `oci_unsupported`: a type we refuse. */
export class OciError extends FactoryError<OciErrorCode> {}

export type LayerCompression = "none" | "gzip" | "zstd";

const COMPRESSION: ReadonlyMap<string, LayerCompression> = new Map([
  [MediaType.ociLayer, "none"],
  [MediaType.ociLayerGzip, "gzip"],
  [MediaType.ociLayerZstd, "zstd"],
  [MediaType.dockerLayer, "none"],
  [MediaType.dockerLayerGzip, "gzip"],
  [MediaType.dockerLayerZstd, "zstd"],
]);

/** How a layer of this media type is compressed; undefined for anything that is no file system layer. */
export function layerCompression(mediaType: string): LayerCompression | undefined {
  return COMPRESSION.get(mediaType);
}

/** True for an OCI index or a Docker manifest list. */
export function isIndexType(mediaType: string): mediaType is Index["mediaType"] {
  return mediaType === MediaType.ociIndex || mediaType === MediaType.dockerIndex;
}

/** True for an OCI or Docker schema 2 image manifest. */
export function isManifestType(mediaType: string): mediaType is Manifest["mediaType"] {
  return mediaType === MediaType.ociManifest || mediaType === MediaType.dockerManifest;
}
