import { LayoutSource } from "./layout.ts";
import { RegistrySource } from "./registry.ts";
import type { ImageSource } from "./source.ts";

/** A source as plain data: it can be configured, and sent to a worker that opens its own. */
export type SourceSpec =
  | { readonly $case: "layout"; readonly folder: string }
  | {
      readonly $case: "registry";
      /** `https://host[:port]` or `http://host[:port]`. */
      readonly base: string;
    };

/** Opens the source a spec describes. Nothing is read or connected before the first question. */
export function openSource(spec: SourceSpec): ImageSource {
  switch (spec.$case) {
    case "layout":
      return new LayoutSource(spec.folder);
    case "registry":
      return new RegistrySource({ base: spec.base });
  }
}
