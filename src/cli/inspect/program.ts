/** UEFI programs: UKIs, boot loaders, kernels that are programs as well. */
import { KiB, MiB } from "../../bytes/align.ts";
import { part, type RandomAccess, readPart } from "../../bytes/random-access.ts";
import type { Codec } from "../../formats/codec.ts";
import { PE_HEAD_BYTES, type PeHeaders, parsePe, type SectionHeader } from "../../formats/pe/index.ts";
import { BZIMAGE_HEAD_BYTES, bzImageRelease } from "../../formats/uki/index.ts";
import { SETUP_HEADER, SETUP_HEADER_OFFSET, SETUP_MAGIC } from "../../formats/uki/layout.ts";
import { examineInitramfs } from "./initramfs.ts";
import { named, type Report, report } from "./report.ts";

const MAX_TEXT_BYTES = MiB;
/** Certificates (Microsoft "PE Format", "Optional Header Data Directories"). */
const CERTIFICATES = 4;
const MACHINES: Readonly<Record<number, string>> = { 34404: "amd64", 43620: "arm64" };
/** Linux arm64 "boot image header": its magic. */
const ARM64_MAGIC = { at: 56, text: "ARM\x64" };

/** True for a Linux kernel of either architecture. */
export function looksLikeKernel(head: Uint8Array): boolean {
  if (head.length < SETUP_HEADER_OFFSET + SETUP_HEADER.size) return false;
  const arm64 = Buffer.from(head.subarray(ARM64_MAGIC.at, ARM64_MAGIC.at + 4)).toString("latin1");
  return SETUP_HEADER.decode(head, SETUP_HEADER_OFFSET).magic === SETUP_MAGIC || arm64 === ARM64_MAGIC.text;
}

export async function examineKernel(source: RandomAccess): Promise<Report> {
  const head = await source.read(0, Math.min(source.size, BZIMAGE_HEAD_BYTES));
  const release = bzImageRelease(head);
  return report("Linux kernel", source.size, {
    ...(release !== undefined && { release }),
    signature: signature(head, source.size),
  });
}

function signature(head: Uint8Array, size: number): string {
  try {
    return signatureOf(parsePe(head.subarray(0, PE_HEAD_BYTES), size));
  } catch {
    return "none";
  }
}

function signatureOf({ optional }: PeHeaders): string {
  const bytes = optional.dataDirectories[CERTIFICATES]!.size;
  return bytes === 0 ? "none" : `Authenticode, ${bytes} bytes, not verified`;
}

/** A UKI, or any other program. Throws `pe_*` and what its initramfs throws. */
export async function examineProgram(source: RandomAccess, codec: Codec): Promise<Report> {
  const headers = parsePe(await source.read(0, Math.min(source.size, PE_HEAD_BYTES)), source.size);
  const { sections, coff } = headers;
  const architecture = MACHINES[coff.machine] ?? `machine 0x${coff.machine.toString(16)}`;
  const common = { architecture, signature: signatureOf(headers) };
  const all = (name: string): readonly SectionHeader[] => sections.filter((one) => one.name === name);
  const [linux] = all(".linux");
  if (!linux) return report("UEFI program", source.size, common);
  const texts = async (name: string): Promise<readonly string[]> =>
    await Promise.all(all(name).map((section) => textOf(source, section)));
  const release = (await texts(".uname"))[0];
  const facts = {
    ...common,
    "operating system": /^PRETTY_NAME="?(.*?)"?$/m.exec((await texts(".osrel"))[0] ?? "")?.[1] ?? "unknown",
    ...(release !== undefined && { kernel: release }),
    profiles: (await texts(".profile")).map((text) => text.trim().replaceAll("\n", " ")),
    "command lines": await texts(".cmdline"),
    "PCR signatures": all(".pcrsig").length,
    sections: sections.map(({ name, virtualSize }) => `${name} ${virtualSize}`),
  };
  const parts = [await named(".linux", linux.virtualSize, () => examineKernel(contentOf(source, linux)))];
  const [initrd] = all(".initrd");
  if (initrd) {
    parts.push(await named(".initrd", initrd.virtualSize, () => examineInitramfs(contentOf(source, initrd), codec)));
  }
  return report("unified kernel image", source.size, facts, parts);
}

function contentOf(
  source: RandomAccess,
  { pointerToRawData, sizeOfRawData, virtualSize }: SectionHeader,
): RandomAccess {
  return part(source, pointerToRawData, Math.min(sizeOfRawData, virtualSize));
}

async function textOf(source: RandomAccess, section: SectionHeader): Promise<string> {
  const content = contentOf(source, section);
  const bytes = await readPart(content, 0, Math.min(content.size, MAX_TEXT_BYTES), section.name);
  return Buffer.from(bytes).toString("utf8").replace(/\0+$/, "");
}

/** Small enough to be shown whole. */
export const SHOWN_TEXT_BYTES = 64 * KiB;
