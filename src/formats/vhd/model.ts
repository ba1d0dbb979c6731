import { FactoryError } from "../../errors.ts";

export type VhdErrorCode = "vhd_too_large";

export class VhdError extends FactoryError<VhdErrorCode> {}

export const VHD_SUBFORMATS = ["dynamic", "fixed"] as const;
export type VhdSubformat = (typeof VHD_SUBFORMATS)[number];

export interface VhdOptions {
  readonly subformat: VhdSubformat;
  /** The size stays what it is instead of being rounded up to whole cylinders; Azure asks for that. */
  readonly forceSize: boolean;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** 16 bytes that tell this disk from others. */
  readonly id: Uint8Array;
}
