import { compareText } from "../../bytes/text.ts";

/**
 * Paul Hsieh's SuperFastHash (azillionmonkeys.com/qed/hash.html) over Latin-1 text, bytes signed as `char` is on
 * x86. depmod keeps names in tables of this hash and writes them out in table order.
 */
export function superFastHash(name: string): number {
  const byte = (at: number): number => name.charCodeAt(at);
  const pair = (at: number): number => byte(at) | (byte(at + 1) << 8);
  const signed = (at: number): number => (byte(at) << 24) >> 24;
  const tail = name.length & 3;
  const end = name.length - tail;
  let hash = name.length;
  for (let at = 0; at < end; at += 4) {
    hash = (hash + pair(at)) | 0;
    hash = (hash << 16) ^ (pair(at + 2) << 11) ^ hash;
    hash = (hash + (hash >>> 11)) | 0;
  }
  if (tail === 3) {
    hash = (hash + pair(end)) | 0;
    hash ^= hash << 16;
    hash ^= signed(end + 2) << 18;
    hash = (hash + (hash >>> 11)) | 0;
  } else if (tail === 2) {
    hash = (hash + pair(end)) | 0;
    hash ^= hash << 11;
    hash = (hash + (hash >>> 17)) | 0;
  } else if (tail === 1) {
    hash = (hash + signed(end)) | 0;
    hash ^= hash << 10;
    hash = (hash + (hash >>> 1)) | 0;
  }
  return avalanche(hash);
}

function avalanche(value: number): number {
  let hash = value;
  hash ^= hash << 3;
  hash = (hash + (hash >>> 5)) | 0;
  hash ^= hash << 4;
  hash = (hash + (hash >>> 17)) | 0;
  hash ^= hash << 25;
  hash = (hash + (hash >>> 6)) | 0;
  return hash >>> 0;
}

/** Names in the order a table of `buckets` (a power of two) lists them: by bucket, then by name. */
export function tableOrder(names: Iterable<string>, buckets: number): string[] {
  const placed = [...names].map((name) => ({ name, bucket: superFastHash(name) & (buckets - 1) }));
  placed.sort((a, b) => a.bucket - b.bucket || compareText(a.name, b.name));
  return placed.map(({ name }) => name);
}
