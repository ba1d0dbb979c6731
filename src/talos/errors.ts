import { FactoryError } from "../errors.ts";

export type TalosErrorCode =
  | "version_invalid"
  | "arch_invalid"
  | "platform_unknown"
  | "path_invalid"
  | "meta_invalid"
  | "bootloader_invalid"
  | "yaml_invalid"
  | "schematic_invalid"
  | "extension_invalid"
  | "extension_incompatible"
  | "extension_unavailable"
  | "overlay_unavailable"
  | "overlay_invalid"
  | "profile_invalid"
  | "profile_unsupported";

/** Everything the Talos rules refuse. The message is fit to be shown to the one who asked. */
export class TalosError extends FactoryError<TalosErrorCode> {}
