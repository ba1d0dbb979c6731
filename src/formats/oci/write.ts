import { compareText, utf8 } from "../../bytes/text.ts";
import type { Annotations, Descriptor, ImageConfig, Index, Manifest, Platform } from "./model.ts";

function sorted(annotations: Annotations | undefined): Annotations | undefined {
  if (annotations === undefined) return undefined;
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => compareText(a, b)));
}

function platform(value: Platform | undefined): object | undefined {
  return value && { architecture: value.architecture, os: value.os, variant: value.variant };
}

function descriptor(value: Descriptor | undefined): object | undefined {
  return (
    value && {
      mediaType: value.mediaType,
      size: value.size,
      digest: value.digest,
      artifactType: value.artifactType,
      annotations: sorted(value.annotations),
      platform: platform(value.platform),
    }
  );
}

/** JSON without spaces, members in the order given, undefined members left out. */
function encode(value: object): Uint8Array {
  return utf8(JSON.stringify(value));
}

/** The one byte form of a manifest: fixed member order, sorted annotations, no spaces. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return encode({
    schemaVersion: 2,
    mediaType: manifest.mediaType,
    artifactType: manifest.artifactType,
    config: descriptor(manifest.config),
    layers: manifest.layers.map(descriptor),
    subject: descriptor(manifest.subject),
    annotations: sorted(manifest.annotations),
  });
}

/** The one byte form of an index. */
export function encodeIndex(index: Index): Uint8Array {
  return encode({
    schemaVersion: 2,
    mediaType: index.mediaType,
    artifactType: index.artifactType,
    manifests: index.manifests.map(descriptor),
    subject: descriptor(index.subject),
    annotations: sorted(index.annotations),
  });
}

/** The one byte form of an image config; members in the order of outputs.md 5.4. */
export function encodeConfig(config: ImageConfig): Uint8Array {
  return encode({
    architecture: config.architecture,
    author: config.author,
    created: config.created,
    history: config.history?.map((entry) => ({
      author: entry.author,
      created: entry.created,
      created_by: entry.created_by,
      comment: entry.comment,
      empty_layer: entry.empty_layer,
    })),
    os: config.os,
    rootfs: { type: "layers", diff_ids: config.diffIds },
    variant: config.variant,
    config: config.config,
  });
}

/** The bytes of a layout folder's `oci-layout` file (image spec 1.1, "image-layout.md"). */
export function encodeLayoutMarker(): Uint8Array {
  return encode({ imageLayoutVersion: "1.0.0" });
}
