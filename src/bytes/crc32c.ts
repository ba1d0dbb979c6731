/** Polynomial of CRC-32C, reflected (RFC 3720 section 12.1). */
const POLYNOMIAL = 0x82f63b78;

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/**
 * CRC-32C (Castagnoli) of `bytes` as an unsigned 32-bit number. With a `seed` it starts from that raw register and
 * gives the raw register, without the inversion at either end: that is how checksums are chained.
 */
export function crc32c(bytes: Uint8Array, seed?: number): number {
  let crc = seed ?? 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff]!;
  return (seed === undefined ? ~crc : crc) >>> 0;
}
