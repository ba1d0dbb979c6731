/** Recorded disk formats and archives beside those of ours, field by field. */
import { createHash } from "node:crypto";
import { type Recipe, read, stream } from "../../src/extents/index.ts";
import type { DiskFormat } from "../../src/talos/platform.ts";
import { qcow2Header, vhdFooter, vmdkHeader } from "../support/disk-formats.ts";
import type { FoundMember } from "../support/tar-reader.ts";
import { gzipHeader } from "../support/unpack-image.ts";
import { comparable, modeText } from "./content.ts";
import type { Comparison } from "./family.ts";
import type { GoldenImager } from "./imager.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** An output of ours taken apart. */
export interface Unpacked {
  readonly imager: GoldenImager;
  /** The output itself. */
  readonly image: Recipe;
  /** Members of the archive that was compressed, if it was one. */
  readonly packed: readonly FoundMember[];
  /** The image in the disk format, without what compressed it. */
  readonly file: Recipe;
  /** Members of an OVA. */
  readonly members: readonly FoundMember[];
  readonly diskFormat: DiskFormat;
  /** The raw disk. */
  readonly disk: Recipe;
}

/** A member by its name. */
export function memberContent(members: readonly FoundMember[], name: string): Recipe {
  const found = members.find((member) => member.name === name);
  if (!found) throw new Error(`no member ${name}, but ${members.map((member) => member.name).join(", ")}`);
  return found.content;
}

/** What is compared of one kind of field. */
type Check = (recorded: never, ours: Unpacked, container: Fields) => Comparison | Promise<Comparison>;

/** Of allocation and of compression; nothing to compare. */
const notCompared: Check = () => ({ recorded: undefined, ours: undefined });

const REGULAR_FILE = 0o100000;

/** A member as `tar -tv` with numeric owners and UTC shows it. */
function listed({ name, mode, uid, gid, mtime, content }: FoundMember): string {
  const time = new Date(Number.parseInt(mtime, 8) * 1000).toISOString().replace(/T(.*)\.000Z/, " $1");
  return `${modeText(REGULAR_FILE | Number.parseInt(mode, 8))} ${uid}/${gid} ${content.size} ${time} ${name}`;
}

/** Only a raw disk has holes on every host, and so a sparse member. */
function tarHeader(recorded: Fields, { packed, diskFormat }: Unpacked): Comparison {
  const ours = packed.map(({ magic, type: typeflag, name, mode, mtime: mtimeOctal, checksumOk }) => {
    return { magic, typeflag, name, mode, mtimeOctal, checksumOk };
  });
  const kept = ({ typeflag, ...fields }: Fields) => (diskFormat === "raw" ? { typeflag, ...fields } : fields);
  return { recorded: [kept({ ...recorded, checksumOk: true })], ours: ours.map(kept) };
}

interface RecordedMember extends Fields {
  readonly name: string;
  readonly size: number;
}

/** Of the sizes only the manifest's: the disk is compressed, and the descriptor, whose text is compared, says its size. */
function ovaMembers(recorded: readonly RecordedMember[], { members }: Unpacked): Comparison {
  const sized = (name: string): boolean => name.endsWith(".mf");
  return {
    recorded: recorded.map(({ size, ...fields }) => ({ ...fields, size: sized(fields.name) ? size : undefined })),
    ours: members.map(({ name, mode, mtime, uid, gid, uname, gname, content: { size } }) => {
      const fields = { name, mode: mode.replace(/^0+/, ""), uid, gid, uname, gname };
      return { ...fields, mtime: Number.parseInt(mtime, 8), size: sized(name) ? size : undefined };
    }),
  };
}

async function textOf(members: readonly FoundMember[], name: string, imager: GoldenImager): Promise<string> {
  return Buffer.from(await read(memberContent(members, name), imager.blobs)).toString("utf8");
}

async function ovf(recorded: string, { members, imager }: Unpacked, { tar }: Fields): Promise<Comparison> {
  const sizeIn = (list: readonly { readonly name: string; readonly size: number }[]): number | undefined =>
    list.find(({ name }) => name === "disk.vmdk")?.size;
  const general = (text: string, size: number | undefined): string =>
    text.replaceAll(`ovf:size="${size}"`, 'ovf:size="OF DISK"');
  return {
    recorded: general(recorded, sizeIn(tar as readonly RecordedMember[])),
    ours: general(await textOf(members, "disk.ovf", imager), memberContent(members, "disk.vmdk").size),
  };
}

/** The manifest with the digests of the members it names, in its own order. */
async function manifest(recorded: string, { members, imager }: Unpacked): Promise<Comparison> {
  const digests = new Map<string, string>();
  for (const { name, content } of members) {
    const hash = createHash("sha256");
    for await (const chunk of stream(content, imager.blobs)) hash.update(chunk);
    digests.set(name, hash.digest("hex"));
  }
  const names = /(?<=^SHA256\((.*)\)= )[0-9a-f]{64}$/gm;
  return {
    recorded: recorded.replace(names, (_, name: string) => digests.get(name) ?? "NO MEMBER"),
    ours: await textOf(members, "disk.mf", imager),
  };
}

/** The short id is the end of the long one. */
function withoutIds(descriptor: string): string {
  const [, id] = /^ddb\.longContentID = "[0-9a-f]{24}([0-9a-f]{8})"$/m.exec(descriptor) ?? [];
  return descriptor
    .replace(new RegExp(`^CID=${id}$`, "m"), "CID=ID")
    .replace(/(?<=^ddb\.longContentID = ")[0-9a-f]{32}/m, "ID");
}

async function vmdk({ descriptorSample, ...fields }: Fields, { members, imager }: Unpacked): Promise<Comparison> {
  const found = await vmdkHeader(memberContent(members, "disk.vmdk"), imager.blobs);
  return {
    recorded: { ...fields, descriptor: withoutIds(String(descriptorSample)), newlines: "0a200d0a" },
    ours: { ...found.fields, descriptor: withoutIds(found.descriptor), newlines: found.newlines },
  };
}

/** Sizes of files with holes of their own depend on what the disk holds. */
async function qcow2({ fileBytes: _, ...recorded }: Fields, { file, imager }: Unpacked): Promise<Comparison> {
  return { recorded, ours: await qcow2Header(file, imager.blobs) };
}

async function vpc({ fileBytes, ...recorded }: Fields, { file, imager }: Unpacked): Promise<Comparison> {
  const ours = await vhdFooter(file, imager.blobs);
  const fixed = !ours.footerCopyAtStart;
  return {
    recorded: { ...recorded, checksumOk: true, fileBytes: fixed ? fileBytes : undefined },
    ours: { ...ours, fileBytes: fixed ? file.size : undefined },
  };
}

async function gzip(recorded: Fields, { image, imager }: Unpacked): Promise<Comparison> {
  return { recorded: { magic: "1f8b08", ...recorded }, ours: await gzipHeader(image, imager.blobs) };
}

/** As `tar -tv` shows the archive. */
function tarListing(recorded: string, { packed }: Unpacked): Comparison {
  return { recorded, ours: packed.map(listed).join("\n") };
}

function tarMagic(recorded: string, { members }: Unpacked): Comparison {
  return {
    recorded: { magic: members.map(() => recorded), checksumsOk: true },
    ours: { magic: members.map(({ magic }) => magic), checksumsOk: members.every(({ checksumOk }) => checksumOk) },
  };
}

/** By the fields of a recorded container. */
const CONTAINERS: Readonly<Record<string, Check>> = {
  gzip,
  /** These must decode; how they are cut into frames and blocks, and what those are checked with, is the compressor's. */
  xz: notCompared,
  xzList: notCompared,
  zstd: notCompared,
  tarListing,
  tarHeader,
  qcow2,
  vpc,
  /** What it says is read from the headers. */
  qemuImgInfo: notCompared,
  tar: ovaMembers,
  tarMagic,
  ovf,
  mfSample: manifest,
  /** Compared with the digests of the members. */
  mfMatches: notCompared,
  vmdk,
  vmdkSha256: notCompared,
  payload: ({ size }: { readonly size: number }, { disk }) => ({ recorded: size, ours: disk.size }),
};

/** A recorded container and ours, as far as they can be compared. Throws for a field nobody reads. */
export async function compareContainer(container: Fields, ours: Unpacked): Promise<Comparison> {
  const compared: (readonly [string, Comparison])[] = [];
  for (const [name, recorded] of Object.entries(container)) {
    const check = Object.hasOwn(CONTAINERS, name) ? CONTAINERS[name] : undefined;
    if (!check) throw new Error(`unknown field of a container ${JSON.stringify(name)}`);
    compared.push([name, await check(recorded as never, ours, container)]);
  }
  const side = (which: "recorded" | "ours") => Object.fromEntries(compared.map(([name, pair]) => [name, pair[which]]));
  return comparable(side("recorded"), side("ours"));
}
