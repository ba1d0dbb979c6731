/**
 * Where Talos images come from, and whom to trust.
 *
 * Read: OCI image layout folders and registries; images whose signature was checked; their layers as one file tree;
 * the lists of versions, extensions and overlays. Refused: bytes whose size or digest differ, images without an
 * acceptable signature, names and links that leave the root, redirects from https to http, credential helpers.
 * Limits: documents of 4 MiB, 128 layers, 8 GiB per image, `TreeLimits` for what it unpacks to, `RegistryLimits` for
 * how long and how often a registry is asked.
 */
export { Catalog, type CatalogOptions } from "./catalog.ts";
export { type ComponentNames, type CoreNames, DEFAULT_COMPONENTS, inNamespace } from "./components.ts";
export { dockerCredentials, parseDockerConfig, type RegistryCredentials } from "./credentials.ts";
export { isNotFound, SourceError, type SourceErrorCode } from "./errors.ts";
export { readFiles } from "./files.ts";
export { GrubFolder, type GrubPlatform } from "./grub.ts";
export { imageConfig, type LayerRef, type OpenImageRequest, openImage, type VerifiedImage } from "./images.ts";
export { archiveTree, type FlattenOptions, flattenLayers, type LayerStream, layerStreams } from "./layers.ts";
export { LayoutSource } from "./layout.ts";
export type { ExtensionRef, OverlayRef } from "./manifests.ts";
export { openSource, type SourceSpec } from "./open.ts";
export { DEFAULT_LIMITS, type RegistryLimits } from "./patience.ts";
export { type ImageReference, parseReference } from "./reference.ts";
export { RegistrySource, registryBase } from "./registry.ts";
export { Releases } from "./releases.ts";
export type { BlobDescriptor, ImageSource } from "./source.ts";
export { checkCertificates } from "./tls.ts";
export { DEFAULT_TREE_LIMITS, type TreeEntry, type TreeLimits } from "./tree.ts";
