/** What an image is and what stands in it, judged by its bytes alone. */

import { Readable } from "node:stream";
import { createGunzip, inflateSync } from "node:zlib";
import { KiB } from "../../bytes/align.ts";
import { part, type RandomAccess, readRecord } from "../../bytes/random-access.ts";
import { messageOf } from "../../errors.ts";
import type { Codec } from "../../formats/codec.ts";
import { looksLikeFat, readFat } from "../../formats/fat/index.ts";
import { type FoundGpt, readGpt } from "../../formats/gpt/index.ts";
import { looksLikeIso, readIso } from "../../formats/iso9660/index.ts";
import { readMeta } from "../../formats/meta/index.ts";
import { openQcow2 } from "../../formats/qcow2/index.ts";
import { readTar } from "../../formats/tar/index.ts";
import { FOOTER, NO_OFFSET } from "../../formats/vhd/layout.ts";
import { openVmdk } from "../../formats/vmdk/index.ts";
import { superblock } from "../../formats/xfs/layout.ts";
import { decoderFor, examineInitramfs, looksLikeCpio } from "./initramfs.ts";
import { streamed, type TemporaryFiles } from "./open.ts";
import { examineKernel, examineProgram, looksLikeKernel, SHOWN_TEXT_BYTES } from "./program.ts";
import { named, type Report, report } from "./report.ts";

export interface Tools {
  readonly codec: Codec;
  readonly temporary: TemporaryFiles;
}

/** What a look needs besides the image. */
interface Examination extends Tools {
  /** Images looked into so far. */
  count: number;
}

type Named = Report["parts"][number];
type Look = (source: RandomAccess, head: Uint8Array, tools: Examination, depth: number) => Promise<Report | undefined>;

/** Enough of an image to tell what it is. */
const HEAD_BYTES = 64 * KiB;
/** Images in images: a disk in a container in a compressed file, a UKI in a volume on it. */
const MAX_DEPTH = 8;
const MAX_IMAGES = 300;
/** Files of a folder that are listed each. */
const MAX_LISTED = 16;
const VHD_COOKIE = "conectix";
const META_BYTES = 512 * KiB;
/** What firmware looks for on a medium (El Torito 1.0, figure 2). */
const PLATFORMS: Readonly<Record<number, string>> = { 0: "BIOS", 239: "UEFI" };
/** Files whose content says how a machine starts. */
const TELLING = /(?:^|\/)(?:grub\.cfg|loader\.conf|cmdline)$/i;
const WORTH_A_LOOK = /(?:\.(?:efi|raw|vmdk|tar|gz)|(?:^|\/)(?:vmlinuz|initramfs\.xz|manifest\.json))$/i;

const LOOKS: readonly Look[] = [
  lookAtCompressed,
  async (source, head, { codec }) => (looksLikeCpio(head) ? await examineInitramfs(source, codec) : undefined),
  async (source, head) => (looksLikeKernel(head) ? await examineKernel(source) : undefined),
  async (source, head, { codec }) => (textAt(head, 0, 2) === "MZ" ? await examineProgram(source, codec) : undefined),
  lookAtContainer,
  lookAtIso,
  lookAtDisk,
  lookAtFileSystem,
  lookAtArchive,
  lookAtOthers,
];

/** Throws the coded errors of what cannot be read; damage within an image is said in the report of the part that has it. */
export async function examine(source: RandomAccess, tools: Tools): Promise<Report> {
  return await lookInto(source, { ...tools, count: 0 }, 0);
}

async function lookInto(source: RandomAccess, tools: Examination, depth: number): Promise<Report> {
  if (depth > MAX_DEPTH || ++tools.count > MAX_IMAGES) return report("one image too many in others", source.size);
  const head = await source.read(0, Math.min(source.size, HEAD_BYTES));
  for (const look of LOOKS) {
    const found = await look(source, head, tools, depth);
    if (found) return found;
  }
  return report("data", source.size);
}

function examined(name: string, source: RandomAccess, tools: Examination, depth: number): Promise<Named> {
  return named(name, source.size, () => lookInto(source, tools, depth + 1));
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.subarray(at, at + length)).toString("latin1");
}

async function lookAtCompressed(
  source: RandomAccess,
  head: Uint8Array,
  tools: Examination,
  depth: number,
): Promise<Report | undefined> {
  const gzip = textAt(head, 0, 2) === "\x1f\x8b";
  const decode = gzip ? gunzip : decoderFor(head, tools.codec);
  if (!decode) return undefined;
  if (!gzip && (await startsWithCpio(decode(streamed(source))))) return await examineInitramfs(source, tools.codec);
  const what = gzip ? "gzip" : textAt(head, 1, 3) === "7zX" ? "xz" : "zstd";
  const content = await tools.temporary.keep(decode(streamed(source)));
  return report(`${what} file`, source.size, {}, [await examined("content", content, tools, depth)]);
}

function gunzip(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return Readable.from(source).compose(createGunzip()) as AsyncIterable<Uint8Array>;
}

async function startsWithCpio(pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
  for await (const piece of pieces) if (piece.length > 0) return looksLikeCpio(piece);
  return false;
}

async function lookAtContainer(
  source: RandomAccess,
  head: Uint8Array,
  tools: Examination,
  depth: number,
): Promise<Report | undefined> {
  if (textAt(head, 0, 4) === "QFI\xfb") {
    const disk = await openQcow2(source);
    return report("qcow2 image", source.size, {}, [await examined("disk", disk, tools, depth)]);
  }
  if (textAt(head, 0, 4) === "KDMV") {
    const disk = await openVmdk(source, (bytes, limit) => inflateSync(bytes, { maxOutputLength: limit }));
    const parts = disk ? [await examined("disk", disk, tools, depth)] : [];
    return report("VMDK image", source.size, { kind: disk ? "stream-optimized" : "of a kind that is not read" }, parts);
  }
  if (source.size <= FOOTER.size) return undefined;
  const footerAt = source.size - FOOTER.size;
  if (textAt(await source.read(footerAt, VHD_COOKIE.length), 0, VHD_COOKIE.length) !== VHD_COOKIE) return undefined;
  const { dataOffset, currentSize, creator } = await readRecord(source, footerAt, FOOTER);
  const facts = { "virtual size": currentSize, creator };
  if (dataOffset !== NO_OFFSET) return report("dynamic VHD", source.size, facts);
  const disk = part(source, 0, footerAt);
  return report("fixed VHD", source.size, facts, [await examined("disk", disk, tools, depth)]);
}

async function lookAtIso(
  source: RandomAccess,
  _head: Uint8Array,
  tools: Examination,
  depth: number,
): Promise<Report | undefined> {
  if (!(await looksLikeIso(source))) return undefined;
  const { volumeId, boots, files } = await readIso(source);
  const parts: Named[] = [];
  for (const { platform, offset, sectors } of boots) {
    const name = PLATFORMS[platform] ?? `platform ${platform}`;
    if (offset >= source.size) parts.push({ name, ...report("beyond the end", 0) });
    // An EFI image may be larger than the catalog can say: its file system knows.
    else if (name === "UEFI")
      parts.push(await examined(name, part(source, offset, source.size - offset), tools, depth));
    else parts.push({ name, ...report("boot image", sectors * 512) });
  }
  const found = await inFiles(files, tools, depth);
  return report("ISO 9660 image", source.size, { volume: volumeId, ...found.facts }, [...parts, ...found.parts]);
}

async function lookAtDisk(
  source: RandomAccess,
  head: Uint8Array,
  tools: Examination,
  depth: number,
): Promise<Report | undefined> {
  const gpt: FoundGpt | undefined = await readGpt(source);
  if (!gpt) return undefined;
  const parts: Named[] = [];
  for (const { name, type, guid, firstLba, content } of gpt.partitions) {
    const found = name === "META" ? await metaReport(content) : await examined(name, content, tools, depth);
    parts.push({ ...found, name, facts: { type, guid, "first sector": firstLba, ...found.facts } });
  }
  const bootCode = head.subarray(0, 440).some((byte) => byte !== 0);
  return report(
    "GPT disk",
    source.size,
    { guid: gpt.diskGuid, "sector size": gpt.sectorSize, "BIOS boot code": bootCode ? "yes" : "no" },
    parts,
  );
}

async function metaReport(content: RandomAccess): Promise<Report> {
  try {
    const values = readMeta(await content.read(0, Math.min(META_BYTES, content.size)));
    const facts = [...values].map(([tag, value]) => [`0x${tag.toString(16)}`, Buffer.from(value).toString("utf8")]);
    return report("META", content.size, Object.fromEntries(facts));
  } catch (error) {
    return report("META", content.size, { values: messageOf(error) });
  }
}

async function lookAtFileSystem(
  source: RandomAccess,
  head: Uint8Array,
  tools: Examination,
  depth: number,
): Promise<Report | undefined> {
  if (looksLikeFat(head)) {
    const { label, files } = await readFat(source);
    const { facts, parts } = await inFiles(files, tools, depth);
    return report("FAT volume", source.size, { label, ...facts }, parts);
  }
  if (textAt(head, 0, 4) !== "XFSB") return undefined;
  const { label, uuid } = await readRecord(source, 0, superblock);
  return report("XFS volume", source.size, { label, uuid });
}

async function lookAtArchive(
  source: RandomAccess,
  head: Uint8Array,
  tools: Examination,
  depth: number,
): Promise<Report | undefined> {
  if (textAt(head, 257, 5) !== "ustar") return undefined;
  const files: { path: string; content: RandomAccess }[] = [];
  for await (const file of readTar(source)) files.push(file);
  const { facts, parts } = await inFiles(files, tools, depth);
  return report("tar archive", source.size, facts, parts);
}

async function lookAtOthers(source: RandomAccess, head: Uint8Array): Promise<Report | undefined> {
  if (head.length === 0) return report("nothing", 0);
  if (textAt(head, 0, 4) === "hsqs") return report("squashfs", source.size);
  if (source.size > SHOWN_TEXT_BYTES || head.some((byte) => byte < 0x09 || byte === 0x7f)) return undefined;
  return report("text", source.size, { text: Buffer.from(head).toString("utf8") });
}

/** A list of files, and a closer look at those a machine starts from. */
async function inFiles(
  files: readonly { readonly path: string; readonly content: RandomAccess }[],
  tools: Examination,
  depth: number,
): Promise<Pick<Report, "facts" | "parts">> {
  const parts: Named[] = [];
  for (const { path, content } of files) {
    const telling = TELLING.test(path) && content.size <= SHOWN_TEXT_BYTES;
    if (telling || WORTH_A_LOOK.test(path)) parts.push(await examined(path, content, tools, depth));
  }
  return { facts: { files: listed(files) }, parts };
}

/** Files by their paths; folders full of them, such as GRUB's modules, as one line. */
function listed(files: readonly { readonly path: string; readonly content: RandomAccess }[]): readonly string[] {
  const folders = Map.groupBy(files, ({ path }) => path.slice(0, path.lastIndexOf("/") + 1));
  return [...folders].flatMap(([folder, inside]) => {
    if (inside.length <= MAX_LISTED) return inside.map(({ path, content }) => `${path}, ${content.size} bytes`);
    const bytes = inside.reduce((sum, { content }) => sum + content.size, 0);
    return [`${folder || "/"}, ${inside.length} files, ${bytes} bytes`];
  });
}
