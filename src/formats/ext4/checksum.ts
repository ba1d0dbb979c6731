import { crc32c } from "../../bytes/crc32c.ts";
import { array, u32le } from "../../bytes/struct.ts";

/** `seed` continued over 32-bit little-endian words ("Checksums"). */
export function crc32cWords(seed: number, ...words: readonly number[]): number {
  const field = array(u32le, words.length);
  const bytes = new Uint8Array(field.size);
  field.write(new DataView(bytes.buffer), 0, words);
  return crc32c(bytes, seed);
}

/** s_checksum_seed: what every checksum but the superblock's starts from. */
export function volumeSeed(uuid: Uint8Array): number {
  return crc32c(uuid, 0xffffffff);
}

/** What the checksums of an inode and its blocks start from: its number and its generation, which is always 0. */
export function inodeSeed(volume: number, number: number): number {
  return crc32cWords(volume, number, 0);
}
