/** The smaller kinds of `loader_and_grub`: texts, names and numbers. */
import { espSectorsPerCluster } from "../../../src/formats/fat/index.ts";
import { isoLabel, isoVolume, isoVolumeId } from "../../../src/talos/boottext.ts";
import { grubQuote, grubUnquote, isoGrubConfig } from "../../../src/talos/grubtext.ts";
import type { Comparison, Recorded } from "../family.ts";

/** Of the tool's command line only the volume names count. */
export function volumeOf(command: readonly string[] = []) {
  const after = (option: string): string | undefined => {
    const at = command.indexOf(option);
    return at < 0 ? undefined : command[at + 1];
  };
  return { volumeId: after("-volid"), volumeSetId: after("-volset-id") };
}

export function ownVolume(version: string) {
  const volume = isoVolume(version);
  return { volumeId: volume?.id, volumeSetId: volume?.setId };
}

interface IsoCase extends Recorded {
  readonly version: string;
  readonly cmdline?: string;
  readonly grub_cfg?: string;
  readonly iso_command?: readonly string[];
}

export function isoGrubText({ version, cmdline = "", grub_cfg }: IsoCase): Comparison {
  return { recorded: grub_cfg, ours: isoGrubConfig(version, cmdline) };
}

export function isoGenerate({ version, iso_command }: IsoCase): Comparison {
  return { recorded: volumeOf(iso_command), ours: ownVolume(version) };
}

interface QuoteCase extends Recorded {
  readonly input: string;
  readonly quoted: string;
  readonly unquoted_back: string;
}

export function quote({ input, quoted, unquoted_back }: QuoteCase): Comparison {
  return { recorded: { quoted, back: unquoted_back }, ours: { quoted: grubQuote(input), back: grubUnquote(quoted) } };
}

interface LabelCase extends Recorded {
  readonly version: string;
  readonly secureboot: boolean;
  readonly label: string;
  readonly volume_id: string;
}

export function label({ version, secureboot, label: recorded, volume_id }: LabelCase): Comparison {
  // The reference can make a label for SecureBoot but never puts it on an ISO (outputs.md 8, item 10).
  const ours = secureboot ? recorded : isoLabel(version);
  return { recorded: { label: recorded, volume_id }, ours: { label: ours, volume_id: isoVolumeId(ours) } };
}

interface ClusterCase extends Recorded {
  readonly size: number;
  readonly sectors_per_cluster: number;
}

export function clusters({ size, sectors_per_cluster: recorded }: ClusterCase): Comparison {
  return { recorded, ours: espSectorsPerCluster(size) };
}
