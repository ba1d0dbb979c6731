import { KiB, MiB } from "../bytes/align.ts";
import { DEFAULT_CLUSTER_BYTES, isClusterSize } from "../formats/qcow2/index.ts";
import { VHD_SUBFORMATS, type VhdSubformat } from "../formats/vhd/index.ts";
import type { ImageOptions } from "../talos/profile.ts";
import { ImagerError } from "./errors.ts";

/** What a raw disk is put into; `raw` stands for nothing. */
export type DiskFormat =
  | { readonly $case: "raw" }
  | { readonly $case: "qcow2"; readonly clusterBytes: number }
  | { readonly $case: "vhd"; readonly subformat: VhdSubformat; readonly forceSize: boolean }
  | { readonly $case: "ova" };

/**
 * The disk format of a profile with its options, which are written as for `qemu-img -o`: `key=value` and flags, separated by
 * commas. Without options qemu's defaults hold, where the reference fails (outputs.md 8, item 29): clusters of 64 KiB, a
 * dynamic VHD. `raw` and `ova` have no options and ignore them, as the reference does.
 * Throws `disk_format_invalid` for an unknown format, option or value.
 */
export function diskFormatOf({ diskFormat, diskFormatOptions }: ImageOptions): DiskFormat {
  switch (diskFormat) {
    case "raw":
    case "ova":
      return { $case: diskFormat };
    case "qcow2": {
      const { cluster_size: size } = optionsOf(diskFormatOptions, ["cluster_size"]);
      return { $case: "qcow2", clusterBytes: size === undefined ? DEFAULT_CLUSTER_BYTES : clusterSize(size) };
    }
    case "vhd": {
      const options = optionsOf(diskFormatOptions, ["subformat", "force_size"]);
      const { subformat = "dynamic", force_size: forced = "off" } = options;
      return { $case: "vhd", subformat: subformatOf(subformat), forceSize: flag("force_size", forced) };
    }
    default:
      throw new ImagerError("disk_format_invalid", `imageOptions.diskFormat: ${diskFormat} is none that can be made`);
  }
}

function invalid(text: string): ImagerError {
  return new ImagerError("disk_format_invalid", `imageOptions.diskFormatOptions: ${text}`);
}

/** A name or value of the user's, short enough for a message. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}

/** The last value of each option; a bare name is a flag that is on. */
function optionsOf<Name extends string>(text: string, known: readonly Name[]): { readonly [K in Name]?: string } {
  const values: { [K in Name]?: string } = {};
  const items = text.split(",");
  if (items.at(-1) === "") items.pop();
  for (const item of items) {
    const [given = "", ...value] = item.split("=");
    const name = known.find((one) => one === given);
    if (name === undefined) throw invalid(`${quoted(given)} is not one of ${known.join(", ")}`);
    values[name] = value.length === 0 ? "on" : value.join("=");
  }
  return values;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: KiB, m: MiB };

function clusterSize(text: string): number {
  const [, number = "", unit = ""] = /^([0-9]{1,9})([bkm]?)$/i.exec(text) ?? [];
  const bytes = Number(number) * UNITS[unit.toLowerCase()]!;
  if (isClusterSize(bytes)) return bytes;
  throw invalid(`cluster_size: ${quoted(text)} is not a power of two between 512 and 2M`);
}

function subformatOf(text: string): VhdSubformat {
  const found = VHD_SUBFORMATS.find((one) => one === text);
  if (found) return found;
  throw invalid(`subformat: ${quoted(text)} is not one of ${VHD_SUBFORMATS.join(", ")}`);
}

function flag(name: string, text: string): boolean {
  if (text !== "on" && text !== "off") throw invalid(`${name}: ${quoted(text)} is neither on nor off`);
  return text === "on";
}
