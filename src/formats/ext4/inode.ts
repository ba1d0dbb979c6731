import { crc32c } from "../../bytes/crc32c.ts";
import { u16le } from "../../bytes/struct.ts";
import { inode, SECTOR_BYTES } from "./layout.ts";

/** What an inode says. */
export interface InodeFields {
  /** i_mode: type and permissions. */
  readonly mode: number;
  readonly links: number;
  readonly sizeBytes: number;
  /** All blocks that belong to it, those of its extent tree included, in bytes. */
  readonly allocatedBytes: number;
  readonly flags: number;
  /** 60 bytes. */
  readonly blockMap: Uint8Array;
}

/** A time as 32 bits based at -2^31 and the bits above them ("Inode Timestamps"). */
function splitTime(seconds: number): { readonly low: number; readonly extra: number } {
  return { low: seconds % 2 ** 32, extra: Math.floor((seconds + 2 ** 31) / 2 ** 32) };
}

/** The 256 bytes of an inode; `seed` is its checksum seed, `time` the second of all its times. */
export function encodeInode(fields: InodeFields, time: number, seed: number): Uint8Array {
  const { low, extra } = splitTime(time);
  const sectors = fields.allocatedBytes / SECTOR_BYTES;
  const value = {
    mode: fields.mode,
    links: fields.links,
    flags: fields.flags,
    blockMap: fields.blockMap,
    sizeLow: fields.sizeBytes % 2 ** 32,
    sizeHigh: Math.floor(fields.sizeBytes / 2 ** 32),
    sectorsLow: sectors % 2 ** 32,
    sectorsHigh: Math.floor(sectors / 2 ** 32),
    accessTime: low,
    changeTime: low,
    modifyTime: low,
    createTime: low,
    accessTimeExtra: extra,
    changeTimeExtra: extra,
    modifyTimeExtra: extra,
    createTimeExtra: extra,
    checksumLow: 0,
    checksumHigh: 0,
  };
  const bytes = inode.encode(value);
  const checksum = crc32c(bytes, seed);
  const view = new DataView(bytes.buffer);
  u16le.write(view, inode.offsets.checksumLow, checksum & 0xffff);
  u16le.write(view, inode.offsets.checksumHigh, checksum >>> 16);
  return bytes;
}
