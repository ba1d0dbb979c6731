/** Disk images read back: their header fields, and the raw disk in them as slices of the image. */
import { inflateSync } from "node:zlib";
import {
  type BlobReader,
  concat,
  type Extent,
  inline,
  type Recipe,
  read,
  recipe,
  slice,
  zeros,
} from "../../src/extents/index.ts";

async function bytesAt(image: Recipe, blobs: BlobReader, offset: number, length: number): Promise<Buffer> {
  return Buffer.from(await read(image, blobs, offset, length));
}

function u64(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64BE(at));
}

/** Offset in a qcow2 table entry: bits 9 to 55. */
const OFFSET_MASK = 0x00fffffffffffe00n;
const COMPRESSED = 1n << 62n;
const READS_AS_ZEROS = 1n;

/** The header of a qcow2 image (QEMU docs/interop/qcow2.txt). */
export async function qcow2Header(image: Recipe, blobs: BlobReader) {
  const head = await bytesAt(image, blobs, 0, 112);
  const features = (at: number): string => `0x${head.readBigUInt64BE(at).toString(16)}`;
  return {
    magic: head.toString("hex", 0, 4),
    version: head.readUInt32BE(4),
    backingOff: u64(head, 8),
    backingLen: head.readUInt32BE(16),
    clusterBits: head.readUInt32BE(20),
    virtualSize: u64(head, 24),
    crypt: head.readUInt32BE(32),
    l1Size: head.readUInt32BE(36),
    l1Offset: u64(head, 40),
    refcountTableOffset: u64(head, 48),
    refcountTableClusters: head.readUInt32BE(56),
    snapshots: head.readUInt32BE(60),
    snapshotsOffset: u64(head, 64),
    incompatible: features(72),
    compatible: features(80),
    autoclear: features(88),
    refcountOrder: head.readUInt32BE(96),
    headerLength: head.readUInt32BE(100),
    compressionType: head[104]!,
  };
}

/** The disk in a qcow2 image without compressed clusters. */
export async function qcow2Disk(image: Recipe, blobs: BlobReader): Promise<Recipe> {
  const { clusterBits, virtualSize, l1Size, l1Offset } = await qcow2Header(image, blobs);
  const cluster = 2 ** clusterBits;
  const entries = cluster / 8;
  const l1 = await bytesAt(image, blobs, l1Offset, l1Size * 8);
  const parts: Recipe[] = [];
  for (let i = 0; i < l1Size; i++) {
    const tableAt = Number(l1.readBigUInt64BE(i * 8) & OFFSET_MASK);
    if (tableAt === 0) {
      parts.push(zeros(entries * cluster));
      continue;
    }
    const table = await bytesAt(image, blobs, tableAt, cluster);
    for (let j = 0; j < entries; j++) {
      const entry = table.readBigUInt64BE(j * 8);
      if (entry & COMPRESSED) throw new Error("qcow2: a compressed cluster");
      const at = entry & READS_AS_ZEROS ? 0 : Number(entry & OFFSET_MASK);
      parts.push(at === 0 ? zeros(cluster) : slice(image, at, cluster));
    }
  }
  return slice(concat(...parts), 0, virtualSize);
}

const FOOTER = 512;

/** One's complement of the sum of a record's bytes without the checksum at `at`. */
function vhdChecksum(record: Buffer, at: number): number {
  return (
    ~Buffer.from(record)
      .fill(0, at, at + 4)
      .reduce((sum, byte) => sum + byte, 0) >>> 0
  );
}

/** The footer of a VHD (Virtual Hard Disk Image Format Specification 1.0), and whether its checksum is right. */
export async function vhdFooter(image: Recipe, blobs: BlobReader) {
  const footer = await bytesAt(image, blobs, image.size - FOOTER, FOOTER);
  const first = await bytesAt(image, blobs, 0, FOOTER);
  return {
    checksumOk: footer.readUInt32BE(64) === vhdChecksum(footer, 64),
    footerCopyAtStart: first.equals(footer),
    footer: {
      cookie: footer.toString("latin1", 0, 8),
      features: footer.readUInt32BE(8),
      version: footer.readUInt32BE(12),
      dataOffset: u64(footer, 16),
      timestamp: footer.readUInt32BE(24),
      creator: footer.toString("latin1", 28, 32),
      creatorVersion: footer.readUInt32BE(32),
      creatorOs: footer.toString("latin1", 36, 40),
      originalSize: u64(footer, 40),
      currentSize: u64(footer, 48),
      cylinders: footer.readUInt16BE(56),
      heads: footer[58]!,
      sectors: footer[59]!,
      diskType: footer.readUInt32BE(60),
      checksum: footer.readUInt32BE(64),
      uuid: footer.toString("hex", 68, 84),
      saved: footer[84]!,
    },
  };
}

const FIXED = 2;
const NO_BLOCK = 0xffffffff;

/** The disk in a fixed or dynamic VHD. Throws unless the dynamic header is right. */
export async function vhdDisk(image: Recipe, blobs: BlobReader): Promise<Recipe> {
  const { footer } = await vhdFooter(image, blobs);
  if (footer.diskType === FIXED) return slice(image, 0, image.size - FOOTER);
  const header = await bytesAt(image, blobs, footer.dataOffset, 1024);
  if (header.toString("latin1", 0, 8) !== "cxsparse" || header.readUInt32BE(36) !== vhdChecksum(header, 36)) {
    throw new Error("vhd: no dynamic header");
  }
  const [count, blockBytes] = [header.readUInt32BE(28), header.readUInt32BE(32)];
  const table = await bytesAt(image, blobs, u64(header, 16), count * 4);
  const bitmapBytes = Math.ceil(blockBytes / 512 / 8 / 512) * 512;
  const parts: Recipe[] = [];
  for (let i = 0; i < count; i++) {
    const sector = table.readUInt32BE(i * 4);
    if (sector === NO_BLOCK) parts.push(zeros(blockBytes));
    else {
      const bitmap = await bytesAt(image, blobs, sector * 512, bitmapBytes);
      if (bitmap.some((byte) => byte !== 0xff)) throw new Error("vhd: a block that is not all there");
      parts.push(slice(image, sector * 512 + bitmapBytes, blockBytes));
    }
  }
  return slice(concat(...parts), 0, footer.currentSize);
}

const SECTOR = 512;

/** The header of a VMDK (VMware Virtual Disk Format 1.1), and its descriptor. */
export async function vmdkHeader(image: Recipe, blobs: BlobReader) {
  const head = await bytesAt(image, blobs, 0, SECTOR);
  const number = (at: number): number => Number(head.readBigUInt64LE(at));
  const [descriptorOffset, descriptorSize] = [number(28), number(36)];
  const descriptor = await bytesAt(image, blobs, descriptorOffset * SECTOR, descriptorSize * SECTOR);
  return {
    descriptor: descriptor.toString("utf8").replace(/\0*$/u, ""),
    newlines: head.toString("hex", 73, 77),
    fields: {
      magic: head.toString("latin1", 0, 4),
      version: head.readUInt32LE(4),
      flags: `0x${head.readUInt32LE(8).toString(16)}`,
      capacitySectors: number(12),
      grainSize: number(20),
      descriptorOffset,
      descriptorSize,
      numGTEsPerGT: head.readUInt32LE(44),
      rgdOffset: number(48),
      gdOffset: `0x${number(56).toString(16)}`,
      overHead: number(64),
      compressAlgorithm: head.readUInt16LE(77),
    },
  };
}

/** The disk in a stream-optimised VMDK, found by its grain directory. Throws for a grain that is not the one of its place. */
export async function vmdkDisk(image: Recipe, blobs: BlobReader): Promise<Recipe> {
  const { fields } = await vmdkHeader(image, blobs);
  const { capacitySectors, grainSize, numGTEsPerGT } = fields;
  const grains = Math.ceil(capacitySectors / grainSize);
  const tables = Math.ceil(grains / numGTEsPerGT);
  const directory = await bytesAt(image, blobs, Number(fields.gdOffset) * SECTOR, tables * 4);
  const extents: Extent[] = [];
  const grain = async (sector: number, at: number): Promise<Uint8Array> => {
    const marker = await bytesAt(image, blobs, at, 12);
    if (Number(marker.readBigUInt64LE(0)) !== sector) throw new Error(`vmdk: no grain of sector ${sector} at ${at}`);
    return inflateSync(await read(image, blobs, at + 12, marker.readUInt32LE(8)));
  };
  for (let i = 0; i < tables; i++) {
    const table = await bytesAt(image, blobs, directory.readUInt32LE(i * 4) * SECTOR, numGTEsPerGT * 4);
    for (let j = 0; j < numGTEsPerGT; j++) {
      const sector = table.readUInt32LE(j * 4);
      const length = grainSize * SECTOR;
      if (sector === 0) extents.push({ $case: "zeros", length });
      else extents.push(...inline(await grain((i * numGTEsPerGT + j) * grainSize, sector * SECTOR)).extents);
    }
  }
  return slice(recipe(extents), 0, capacitySectors * SECTOR);
}
