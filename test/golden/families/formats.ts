import { padTo, type Recipe, slice } from "../../../src/extents/index.ts";
import type { DiskFormat } from "../../../src/talos/platform.ts";
import { loadCodec } from "../../../src/workers/codec.ts";
import { qcow2Disk, vhdDisk, vmdkDisk } from "../../support/disk-formats.ts";
import { readMembers } from "../../support/tar-reader.ts";
import { gunzipped, unxz, unzstd, withoutZeroSectors } from "../../support/unpack-image.ts";
import { artifacts, type Made, type RecordedRun } from "../artifacts.ts";
import { compareContainer, type Fields, memberContent, type Unpacked } from "../containers.ts";
import type { Comparison, GoldenContext } from "../family.ts";
import { compareDisk, type DiskRun } from "./disk.ts";

/** What the reference wrote around the disk, kind by kind; see `CONTAINERS`. */
interface RecordedContainer {
  readonly payload: {
    /** Bytes of the disk as its format counts them. */
    readonly size: number;
    /** The case of the `disk` family with the same disk. */
    readonly rawCase?: string;
  };
}

interface FormatRun extends RecordedRun {
  readonly container: RecordedContainer & Fields;
  readonly disk?: DiskRun["disk"];
}

const { codec } = loadCodec();

async function decompressed({ image, target, imager: { blobs } }: Made): Promise<Recipe> {
  switch (target.profile.output.outFormat) {
    case ".gz":
    case ".tar.gz":
      return await gunzipped(image, blobs);
    case ".zst":
      return await unzstd(image, blobs, codec);
    case ".xz":
      return await unxz(image, blobs, codec);
    default:
      return image;
  }
}

async function unpacked(made: Made): Promise<Unpacked> {
  const { image, imager, target } = made;
  const { blobs } = imager;
  const { outFormat, imageOptions } = target.profile.output;
  const content = await decompressed(made);
  const packed = outFormat === ".tar.gz" ? await readMembers(content, blobs) : [];
  const file = outFormat === ".tar.gz" ? memberContent(packed, "disk.raw") : content;
  const diskFormat = imageOptions!.diskFormat as DiskFormat;
  const members = diskFormat === "ova" ? await readMembers(file, blobs) : [];
  const disk = {
    raw: () => file,
    qcow2: () => qcow2Disk(file, blobs),
    vhd: () => vhdDisk(file, blobs),
    ova: () => vmdkDisk(memberContent(members, "disk.vmdk"), blobs),
  }[diskFormat];
  return { imager, image, packed, file, members, diskFormat, disk: await withoutZeroSectors(await disk(), blobs) };
}

/** The recording of the disk inside: beside the container, or a case of the other family. */
function recordedDisk({ disk, container }: FormatRun, context: GoldenContext): DiskRun["disk"] | undefined {
  const { rawCase } = container.payload;
  if (disk || rawCase === undefined) return disk;
  const { cases } = context.json("disk.json") as { readonly cases: readonly DiskRun[] };
  return cases.find(({ name }) => name === rawCase)?.disk;
}

/** The same profile's disk, neither compressed nor in any other format. */
async function rawDisk(item: FormatRun, { imager, target }: Made): Promise<Recipe> {
  const { profile } = target;
  const imageOptions = { ...profile.output.imageOptions!, diskFormat: "raw", diskFormatOptions: "" } as const;
  const output = { ...profile.output, outFormat: "raw", imageOptions } as const;
  return await imager.build(item, { ...target, profile: { ...profile, output } });
}

/** Left to the compressor, and named because a recording says it beside fields that gate. */
const CHECKS = "what .xz blocks and .zst frames are checked with is not compared";
const NO_RECORDING = "the disk inside is recorded in a case that is not here";

function isChecked({ container }: FormatRun): boolean {
  return "xz" in container || "zstd" in container;
}

/** A container may round the size of its disk up: zeros follow then. */
async function compareFormat(item: FormatRun, made: Made, context: GoldenContext): Promise<Comparison> {
  const ours = await unpacked(made);
  const container = await compareContainer(item.container, ours);
  const raw = await rawDisk(item, made);
  const whole = await withoutZeroSectors(padTo(raw, ours.disk.size), made.imager.blobs);
  const recorded = recordedDisk(item, context);
  const image = slice(ours.disk, 0, recorded?.totalBytes ?? ours.disk.size);
  const disk = recorded && (await compareDisk({ ...item, disk: recorded }, { ...made, image }));
  return {
    recorded: { container: container.recorded, isRawDisk: true, disk: disk?.recorded },
    ours: { container: container.ours, isRawDisk: ours.disk.identity === whole.identity, disk: disk?.ours },
    waiting: disk ? (disk.waiting ?? (isChecked(item) ? CHECKS : undefined)) : NO_RECORDING,
  };
}

export const formats = artifacts<FormatRun>("formats", compareFormat);
