import type { RegistryCredentials } from "./credentials.ts";
import { LayoutSource } from "./layout.ts";
import type { RegistryLimits } from "./patience.ts";
import { RegistrySource } from "./registry.ts";
import type { ImageSource } from "./source.ts";

/** A source as plain data: it can be configured, and sent to a worker that opens its own. */
export type SourceSpec =
  | { readonly $case: "layout"; readonly folder: string }
  | {
      readonly $case: "registry";
      /** `https://host[:port]` or `http://host[:port]`. */
      readonly base: string;
      /** A secret: to be handed to a worker, never to a log. */
      readonly credentials?: RegistryCredentials;
      /** PEM certificates of authorities that are trusted besides the usual ones. */
      readonly ca?: string;
      readonly limits?: RegistryLimits;
    };

/**
 * Opens the source a spec describes. Nothing is read or connected before the first question. `checkpoint` throws once
 * nobody wants an answer any more; what it throws then ends a wait for a registry.
 */
export function openSource(spec: SourceSpec, checkpoint: () => void = () => undefined): ImageSource {
  switch (spec.$case) {
    case "layout":
      return new LayoutSource(spec.folder);
    case "registry":
      return new RegistrySource({ ...spec, checkpoint });
  }
}
