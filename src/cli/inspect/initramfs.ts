/** Initramfs images: archives one after another, most of them compressed. */
import { alignUp, GiB, MiB } from "../../bytes/align.ts";
import { type RandomAccess, readPart, readRecord } from "../../bytes/random-access.ts";
import { concatBytes } from "../../bytes/text.ts";
import type { Codec } from "../../formats/codec.ts";
import { type CpioLimits, type CpioRecord, readCpio } from "../../formats/cpio/index.ts";
import { ALIGNMENT, header, MAGIC_NEWC, PATH_MAX, TRAILER } from "../../formats/cpio/layout.ts";
import { streamed } from "./open.ts";
import { type Report, report } from "./report.ts";

const LIMITS: CpioLimits = { maxEntries: 1_000_000, maxFileBytes: 4 * GiB, maxTotalBytes: 32 * GiB };
const MAX_TEXT_BYTES = 4 * MiB;
const MAX_EARLY_ENTRIES = 10_000;
const EXTENSIONS = "extensions.yaml";

/** True for the start of an archive. */
export function looksLikeCpio(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, MAGIC_NEWC.length)).toString("latin1") === MAGIC_NEWC;
}

/** What unpacks something by its first bytes, besides gzip. */
export function decoderFor(head: Uint8Array, codec: Codec): Codec["unzstd"] | undefined {
  const magic = Buffer.from(head.subarray(0, 6)).toString("hex");
  if (magic.startsWith("28b52ffd")) return (source) => codec.unzstd(source);
  return magic === "fd377a585a00" ? (source) => codec.unxz(source) : undefined;
}

/** Throws `image_malformed`, and what the codec throws. */
export async function examineInitramfs(source: RandomAccess, codec: Codec): Promise<Report> {
  const { end, names } = await readEarly(source);
  const decode = decoderFor(await source.read(end, Math.min(6, source.size - end)), codec);
  const squashfs: string[] = [];
  let extensions = "";
  let entries = names.length;
  const rest = decode ? decode(streamed(source, end)) : streamed(source, source.size);
  for await (const record of readCpio(rest, LIMITS)) {
    entries++;
    if (record.path.endsWith(".sqsh")) squashfs.push(`${record.path}, ${record.size} bytes`);
    if (record.path === EXTENSIONS && record.size <= MAX_TEXT_BYTES) extensions = await textOf(record);
  }
  const microcode = names.filter((name) => name.includes("microcode/"));
  return report("initramfs", source.size, {
    entries,
    ...(microcode.length > 0 && { microcode }),
    ...(squashfs.length > 0 && { squashfs }),
    extensions: listed(extensions),
  });
}

async function textOf({ body }: CpioRecord): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece.slice());
  return Buffer.from(concatBytes(...pieces)).toString("utf8");
}

/** Names and versions out of `extensions.yaml` (imager.md 5.6). */
function listed(yaml: string): readonly string[] {
  const layers = [...yaml.matchAll(/^ +metadata:\n +name: (.+)\n +version: (.+)$/gm)];
  return layers.length === 0
    ? ["none"]
    : layers.map(([, name, version]) => `${name} ${version}`.replaceAll(/["']/g, ""));
}

/** Uncompressed archives at the start, which is where processors look for their microcode. */
async function readEarly(source: RandomAccess): Promise<{ readonly end: number; readonly names: readonly string[] }> {
  const names: string[] = [];
  let at = 0;
  for (let i = 0; i < MAX_EARLY_ENTRIES && at + header.size <= source.size; i++) {
    if (!looksLikeCpio(await source.read(at, MAGIC_NEWC.length))) break;
    const { namesize, filesize } = await readRecord(source, at, header);
    const nameAt = at + header.size;
    const bytes = await readPart(source, nameAt, Math.min(namesize, PATH_MAX), "cpio name");
    const name = Buffer.from(bytes).toString("utf8").replace(/\0.*$/s, "");
    at = alignUp(alignUp(nameAt + namesize, ALIGNMENT) + filesize, ALIGNMENT);
    if (name === TRAILER) at = await behindZeros(source, at);
    else names.push(name);
  }
  return { end: Math.min(at, source.size), names };
}

async function behindZeros(source: RandomAccess, from: number): Promise<number> {
  let at = from;
  for await (const piece of streamed(source, from)) {
    const first = piece.findIndex((byte) => byte !== 0);
    if (first >= 0) return at + first;
    at += piece.length;
  }
  return at;
}
