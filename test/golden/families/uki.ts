import { alignUp } from "../../../src/bytes/align.ts";
import { digestHex, sha256 } from "../../../src/bytes/digest.ts";
import { read } from "../../../src/extents/index.ts";
import { type PeSection, readPe } from "../../support/pe-reader.ts";
import { artifacts, type Made, type RecordedRun } from "../artifacts.ts";
import { comparable } from "../content.ts";
import type { Comparison } from "../family.ts";
import { compareInitramfs, type RecordedInitramfs } from "../initramfs.ts";
import { baseInitramfs } from "./initramfs.ts";

interface RecordedSection {
  readonly name: string;
  readonly virtualAddress: number;
  readonly virtualSize: number;
  readonly rawOffset: number;
  readonly rawSize: number;
  readonly characteristics: string;
  readonly sha256: string;
  readonly text?: string;
  /** Of one that was rebuilt. */
  readonly initramfs?: RecordedInitramfs;
}

interface RecordedPe {
  readonly size: number;
  readonly e_lfanew: number;
  readonly dosHeaderSha256: string;
  readonly dosStubNonZeroBytes: number;
  readonly fileHeader: Readonly<Record<string, number | string>>;
  readonly optionalHeader: Readonly<Record<string, number>>;
  /** Address and size by index, those that are not empty. */
  readonly dataDirectories: Readonly<Record<string, readonly [number, number]>>;
  readonly sections: readonly RecordedSection[];
  readonly endOfLastSection: number;
}

export interface UkiCase extends RecordedRun {
  readonly pe: RecordedPe;
}

/** The DOS program stands behind them. */
const DOS_HEADER_BYTES = 64;
/** Of other bytes, in the size of the reference's. */
const PICTURE = ".splash";

/**
 * The recorded headers as they would be with a rebuilt initramfs of our size: it is compressed, and what stands behind it
 * moves with its size.
 */
function withOurInitramfs(pe: RecordedPe, own: readonly PeSection[]): RecordedPe {
  const index = pe.sections.findIndex(({ initramfs }) => initramfs !== undefined);
  const [theirs, ours] = [pe.sections[index], own[index]];
  if (!theirs || !ours) return pe;
  const { sectionAlignment = 1 } = pe.optionalHeader;
  const next = (virtualSize: number): number => alignUp(theirs.virtualAddress + virtualSize, sectionAlignment);
  const moved = next(ours.virtualSize) - next(theirs.virtualSize);
  const grown = ours.rawSize - theirs.rawSize;
  const { sizeOfInitializedData = 0, sizeOfImage = 0 } = pe.optionalHeader;
  return {
    ...pe,
    size: pe.size + grown,
    endOfLastSection: pe.endOfLastSection + grown,
    optionalHeader: {
      ...pe.optionalHeader,
      sizeOfInitializedData: sizeOfInitializedData + grown,
      sizeOfImage: sizeOfImage + moved,
    },
    sections: pe.sections.map((section, i) => {
      if (i < index) return section;
      if (i === index) return { ...section, virtualSize: ours.virtualSize, rawSize: ours.rawSize };
      const { virtualAddress, rawOffset } = section;
      return { ...section, virtualAddress: virtualAddress + moved, rawOffset: rawOffset + grown };
    }),
  };
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** As much of a section's content as is compared: nothing of the picture, and a rebuilt initramfs elsewhere. */
function contentOf({ name, sha256: digest, text, initramfs }: RecordedSection, bytes?: Uint8Array) {
  if (name === PICTURE || initramfs) return {};
  if (!bytes) return { digest, text };
  const ours = text === undefined ? undefined : Buffer.from(bytes).toString("utf8");
  return { digest: digestHex(sha256(bytes)), text: ours };
}

async function compareSections(pe: RecordedPe, bytes: Uint8Array, base: () => Promise<Uint8Array>) {
  let initramfs: Comparison = { recorded: undefined, ours: undefined };
  const ours: unknown[] = [];
  for (const [i, { characteristics, ...place }] of readPe(bytes).sections.entries()) {
    const recorded = pe.sections[i];
    const content = bytes.subarray(place.rawOffset, place.rawOffset + place.virtualSize);
    if (recorded?.initramfs) initramfs = await compareInitramfs(recorded.initramfs, content, await base());
    ours.push({ ...place, characteristics: hex(characteristics), ...(recorded ? contentOf(recorded, content) : {}) });
  }
  const recorded = pe.sections.map((section) => {
    const { name, virtualAddress, virtualSize, rawOffset, rawSize, characteristics } = section;
    const place = { name, virtualAddress, virtualSize, rawOffset, rawSize };
    return { ...place, characteristics, ...contentOf(section) };
  });
  return {
    recorded: { sections: recorded, initramfs: initramfs.recorded },
    ours: { sections: ours, initramfs: initramfs.ours },
  };
}

export async function checkUki(item: UkiCase, made: Made): Promise<Comparison> {
  const bytes = await read(made.image, made.imager.blobs);
  const { peOffset, fileHeader, optionalHeader, directories, sections } = readPe(bytes);
  const pe = withOurInitramfs(item.pe, sections);
  const content = await compareSections(pe, bytes, () => baseInitramfs(item, made));
  const last = sections.at(-1);
  const headers = comparable(pe.fileHeader, {
    ...fileHeader,
    machine: hex(fileHeader.machine),
    characteristics: hex(fileHeader.characteristics),
  });
  const { size, e_lfanew, dosHeaderSha256, dosStubNonZeroBytes, dataDirectories, endOfLastSection } = pe;
  return {
    recorded: {
      ...{ size, e_lfanew, dosHeaderSha256, dosStubNonZeroBytes, dataDirectories, endOfLastSection },
      fileHeader: headers.recorded,
      optionalHeader: pe.optionalHeader,
      content: content.recorded,
    },
    ours: {
      size: bytes.length,
      e_lfanew: peOffset,
      dosHeaderSha256: digestHex(sha256(bytes.subarray(0, peOffset))),
      dosStubNonZeroBytes: bytes.subarray(DOS_HEADER_BYTES, peOffset).filter((byte) => byte !== 0).length,
      dataDirectories: directories,
      endOfLastSection: last ? last.rawOffset + last.rawSize : 0,
      fileHeader: headers.ours,
      optionalHeader,
      content: content.ours,
    },
  };
}

export const uki = artifacts("uki", checkUki);
