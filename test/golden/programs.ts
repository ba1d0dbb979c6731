/** UEFI programs in recorded file systems: their sections, as far as they can be compared. */
import { digestHex, sha256 } from "../../src/bytes/digest.ts";
import { readPe } from "../support/pe-reader.ts";
import type { Made } from "./artifacts.ts";
import type { ArtifactCase } from "./imager.ts";

/** Name, size and content: a short text, the first digits of a digest, or the file of the release it is. */
export type RecordedSection = readonly [name: string, size: number | string, content?: string | null];

export interface RecordedProgram {
  readonly size: number;
  readonly timeDateStamp: number | string;
  readonly sections: readonly RecordedSection[];
}

/** How much of a program is the same whoever makes it. */
export type ProgramKind =
  /** GRUB's own, of another version there. */
  | "grub"
  /** All but the picture. */
  | "uki"
  /** The same, with an initramfs that was compressed: nothing has the recorded size. */
  | "uki with extensions"
  | "copy";

/** Whether the initramfs is the release's own: what is put behind it has another size with every compressor. */
export function keepsInitramfs({ target: { profile } }: Made): boolean {
  return profile.input.systemExtensions.length === 0 && profile.customization.embeddedMachineConfiguration === "";
}

export function programKind({ sections }: RecordedProgram, made: Made): ProgramKind {
  const has = (name: string): boolean => sections.some(([other]) => other === name);
  if (has("mods")) return "grub";
  if (!has(".linux")) return "copy";
  return keepsInitramfs(made) ? "uki" : "uki with extensions";
}

const DIGEST_DIGITS = 16;
const PICTURE = ".splash";
const INITRAMFS = ".initrd";

type Section = readonly [name: string, size?: number | string, content?: string];

function shortDigest(hex: string): string {
  return hex.slice(0, DIGEST_DIGITS);
}

async function recordedSection(
  [name, size, content]: RecordedSection,
  kind: ProgramKind,
  item: ArtifactCase,
  { imager, target }: Made,
): Promise<Section> {
  if (kind === "grub" || (kind === "uki with extensions" && name === INITRAMFS)) return [name];
  if (name === PICTURE || content == null) return [name, size];
  if (!/^(usr\/install|\/inputs)\//.test(content)) return [name, size, content];
  return [name, size, shortDigest(digestHex(await imager.installed(item, target, content)))];
}

/** A section of ours with as much as was recorded of it, and in the same form. */
function ownSection(name: string, bytes: Uint8Array, recorded: Section | undefined): Section {
  if (!recorded || recorded.length === 3) {
    const isDigest = /^[0-9a-f]{16}$/.test(recorded?.[2] ?? "");
    const text = Buffer.from(bytes).toString("utf8");
    return [name, bytes.length, isDigest ? shortDigest(digestHex(sha256(bytes))) : text];
  }
  return recorded.length === 2 ? [name, bytes.length] : [name];
}

/** A recorded program and the bytes of ours, both as far as they can be compared. */
export async function compareProgram(recorded: RecordedProgram, bytes: Uint8Array, item: ArtifactCase, made: Made) {
  const kind = programKind(recorded, made);
  const { size, timeDateStamp } = recorded;
  const sections: Section[] = [];
  for (const section of recorded.sections) sections.push(await recordedSection(section, kind, item, made));
  const { fileHeader, sections: own } = readPe(bytes);
  const sized = kind === "uki" || kind === "copy";
  return {
    recorded: { size: sized ? size : undefined, timeDateStamp, sections },
    ours: {
      size: sized ? bytes.length : undefined,
      timeDateStamp: fileHeader.timeDateStamp,
      sections: own.map(({ name, rawOffset, virtualSize }, i) =>
        ownSection(name, bytes.subarray(rawOffset, rawOffset + virtualSize), sections[i]),
      ),
    },
  };
}
