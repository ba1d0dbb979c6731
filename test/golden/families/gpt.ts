import { createHash } from "node:crypto";
import { labelGuid } from "../../../src/bytes/guid.ts";
import { type Recipe, read, stream } from "../../../src/extents/index.ts";
import { partitionedDisk } from "../../../src/recipes/disk.ts";
import { type Bootloader, type PartitionPlan, partitionPlan } from "../../../src/talos/bootloader.ts";
import { parseTolerant } from "../../../src/talos/version.ts";
import { NO_BLOBS } from "../../support/write-image.ts";
import { Refusal } from "../diff.ts";
import { attempt, byKind, bytesOf, type Comparison, family, type Recorded, refusal } from "../family.ts";
import { readyProfile } from "../profiles.ts";

interface RecordedPartition {
  readonly index: number;
  readonly name: string;
  readonly type: string;
  readonly guid: string;
  readonly attributes: string;
  readonly first_lba: number;
  readonly last_lba: number;
  /** Bytes. */
  readonly size: number;
  readonly filesystem: string;
  /** What mkfs was told; always the image's own. */
  readonly mkfs_sector_size?: number;
}

interface DiskCase extends Recorded {
  readonly arch: string;
  readonly version: string;
  readonly secureboot?: boolean;
  /** Empty when not chosen. */
  readonly bootloader: string;
  /** Bytes before the additions of the rules. */
  readonly disk_size?: number;
  /** Bytes of the disk, taken as they are. */
  readonly raw_disk_size?: number;
  readonly image_cache_size?: number;
  /** Bytes; 0 when not set. */
  readonly sector_size?: number;
  readonly partition_offset?: number;
  readonly effective_bootloader?: string;
  readonly effective_disk_size?: number;
  readonly error?: string;
  /** The reference crashes. */
  readonly panic?: string;
  readonly disk_guid?: string;
  readonly entries_lba?: number;
  readonly first_usable_lba?: number;
  readonly last_usable_lba?: number;
  readonly backup_lba?: number;
  readonly logical_sector_size?: number;
  readonly primary_header_b64?: string;
  readonly backup_header_b64?: string;
  readonly entries_sha256?: string;
  readonly head_sha256?: string;
  readonly mbr_tail_b64?: string;
  readonly partitions?: readonly RecordedPartition[];
}

const DEFAULT_SECTOR = 512;
const HEADER_BYTES = 92;
const ENTRIES_BYTES = 128 * 128;
/** What the reference makes inside a partition, by the names it has for them; zeros are zeros for us. */
const FILESYSTEMS: Readonly<Record<string, PartitionPlan["filesystem"]>> = {
  vfat: "fat32",
  xfs: "xfs",
  ext4: "ext4",
  zeroes: "none",
  none: "none",
};

/** The SHA-256 of the first bytes of a disk, in hex. */
async function headDigest(image: Recipe, bytes: number): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream(image, NO_BLOBS, 0, bytes)) hash.update(chunk);
  return hash.digest("hex");
}

/** Boot loader and size of the disk by the rules for profiles. */
function resolved(item: DiskCase) {
  const { arch, version, secureboot = false, bootloader, sector_size: sectorSize = 0 } = item;
  const diskSize = item.disk_size ?? item.raw_disk_size ?? 0;
  const fields = { arch, version, secureboot, bootloader, diskSize, sectorSize, kind: "image" };
  const ready = readyProfile(fields);
  const options = ready.output.imageOptions!;
  return {
    arch: ready.arch,
    bootloader: options.bootloader as Bootloader,
    diskSize: item.raw_disk_size ?? Number(options.diskSize) + (item.image_cache_size ?? 0),
  };
}

/** The table of a disk as it was recorded, by the names of `tableOf`. */
function recordedTable(item: DiskCase) {
  return {
    sectorSize: item.logical_sector_size,
    mbr: bytesOf(item.mbr_tail_b64 ?? ""),
    primaryHeader: bytesOf(item.primary_header_b64 ?? ""),
    backupHeader: bytesOf(item.backup_header_b64 ?? ""),
    entries: item.entries_sha256,
    backupEntries: item.entries_sha256,
    head: item.head_sha256,
    partitions: item.partitions?.map(({ type, guid, filesystem, mkfs_sector_size: _, ...rest }) => ({
      ...rest,
      type: type.toLowerCase(),
      guid: guid.toLowerCase(),
      filesystem: FILESYSTEMS[filesystem],
    })),
  };
}

type Disk = ReturnType<typeof partitionedDisk> & { readonly plan: readonly PartitionPlan[] };

/** What the recording tells of a disk, read at the places where it found it. */
async function tableOf({ image, partitions, plan }: Disk, item: DiskCase) {
  const sectorSize = item.sector_size || DEFAULT_SECTOR;
  const bytes = (offset: number, length: number): Promise<Uint8Array> => read(image, NO_BLOBS, offset, length);
  const at = (lba = 0): number => lba * sectorSize;
  const mbrBytes = bytesOf(item.mbr_tail_b64 ?? "").length;
  return {
    sectorSize,
    mbr: await bytes(DEFAULT_SECTOR - mbrBytes, mbrBytes),
    primaryHeader: await bytes(at(1), HEADER_BYTES),
    backupHeader: await bytes(at(item.backup_lba), HEADER_BYTES),
    entries: hexDigest(await bytes(at(item.entries_lba), ENTRIES_BYTES)),
    backupEntries: hexDigest(await bytes(at(item.last_usable_lba) + sectorSize, ENTRIES_BYTES)),
    head: await headDigest(image, at(item.first_usable_lba)),
    partitions: partitions.map(({ name, type, guid, attributes = 0n, firstLba, lastLba }, i) => ({
      index: i + 1,
      name,
      type,
      guid,
      attributes: `0x${attributes.toString(16)}`,
      first_lba: firstLba,
      last_lba: lastLba,
      size: (lastLba - firstLba + 1) * sectorSize,
      filesystem: plan[i]!.filesystem,
    })),
  };
}

async function disk(item: DiskCase): Promise<Comparison> {
  const refused = refusal(item.error ?? item.panic);
  const target = attempt(() => resolved(item));
  if (target instanceof Refusal) return { recorded: refused ?? "a disk", ours: target };
  const { arch, bootloader, diskSize } = target;
  const made = attempt((): Disk => {
    const plan = partitionPlan(bootloader, parseTolerant(item.version), arch, item.image_cache_size);
    const sectorSize = item.sector_size || DEFAULT_SECTOR;
    const placed = { entryArrayOffsetLba: item.partition_offset ?? 0 };
    return { plan, ...partitionedDisk({ diskSize, sectorSize, partitions: plan, ...placed }, () => undefined) };
  });
  const { effective_bootloader, effective_disk_size } = item;
  const readable = !(made instanceof Refusal) && !refused;
  return {
    recorded: {
      bootloader: effective_bootloader,
      diskSize: effective_disk_size,
      table: refused ?? recordedTable(item),
    },
    ours: { bootloader, diskSize, table: readable ? await tableOf(made, item) : made },
  };
}

function hexDigest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

interface GuidCase extends Recorded {
  readonly label: string;
  readonly guid: string;
}

function guid({ label, guid: recorded }: GuidCase): Comparison {
  return { recorded, ours: labelGuid(label) };
}

export const gpt = family(
  "gpt",
  byKind({ image: disk, offset: disk, image_cache: disk, odd_size: disk, odd_sector: disk, guid_from_label: guid }),
);
