/**
 * OCI image documents: descriptors, manifests, indexes and image configs (OCI image spec 1.1, Docker schema 2).
 *
 * Read: both families' manifests and indexes, image configs, the index of a layout folder. Everything is
 * validated member by member; unknown members are dropped. Written: the same documents in one canonical byte
 * form. Refused: Docker schema 1, digests other than sha256, documents whose own media type is not the announced
 * one, documents that could be read as manifest and as index. Layer contents are not looked at here.
 * Limits: `OciLimits` (documents of 4 MiB, 128 layers, 1024 index entries).
 */
export {
  type Annotations,
  type Descriptor,
  type HistoryEntry,
  type ImageConfig,
  type Index,
  isIndexType,
  isManifestType,
  type JsonValue,
  type LayerCompression,
  layerCompression,
  type Manifest,
  MediaType,
  OciError,
  type OciErrorCode,
  OciLimits,
  type Platform,
  REF_NAME_ANNOTATION,
} from "./model.ts";
export {
  type Document,
  parseConfig,
  parseDocument,
  parseIndex,
  parseLayoutIndex,
  parseManifest,
  statedMediaType,
} from "./read.ts";
export { encodeConfig, encodeIndex, encodeLayoutMarker, encodeManifest } from "./write.ts";
