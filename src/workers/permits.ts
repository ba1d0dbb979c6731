import type { LzmaCodec } from "./codec-limits.ts";

/** A permit that is not given back within this time, milliseconds, was held by a thread that died: work goes on without. */
const PATIENCE_MS = 5000;

/** Permits to compress, counted in memory that all worker threads share. */
export function newPermits(count: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  Atomics.store(new Int32Array(buffer), 0, count);
  return buffer;
}

/** True when a permit was taken, false when none came back in time. */
async function acquire(permits: Int32Array, patienceMs: number): Promise<boolean> {
  for (;;) {
    const free = Atomics.load(permits, 0);
    if (free > 0) {
      if (Atomics.compareExchange(permits, 0, free, free - 1) === free) return true;
      continue;
    }
    const wait = Atomics.waitAsync(permits, 0, free, patienceMs);
    if (wait.async && (await wait.value) === "timed-out") return false;
  }
}

/**
 * A codec whose one-shot calls, over all threads, keep no more threads of libuv's pool busy than there are permits: the
 * others stay free to read for downloads. What is made does not depend on it.
 */
export function limited(codec: LzmaCodec, buffer: SharedArrayBuffer, patienceMs: number = PATIENCE_MS): LzmaCodec {
  const permits = new Int32Array(buffer);
  const limit = async <T>(work: () => Promise<T>): Promise<T> => {
    const held = await acquire(permits, patienceMs);
    try {
      return await work();
    } finally {
      if (held) {
        Atomics.add(permits, 0, 1);
        Atomics.notify(permits, 0, 1);
      }
    }
  };
  return {
    zstdId: codec.zstdId,
    xzId: codec.xzId,
    zstd: (bytes, options) => limit(() => codec.zstd(bytes, options)),
    xz: (bytes, options) => limit(() => codec.xz(bytes, options)),
    lzma1: (bytes, options) => limit(() => codec.lzma1(bytes, options)),
    zstdStream: (source, options) => codec.zstdStream(source, options),
    xzStream: (source, options) => codec.xzStream(source, options),
    unzstd: (source) => codec.unzstd(source),
    unxz: (source) => codec.unxz(source),
  };
}
