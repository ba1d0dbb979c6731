import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { StoreError, storeFailure } from "../store/errors.ts";

/** Bytes of a stream that can be read from anywhere once they are all there. */
export interface Spool {
  readonly size: number;
  /** `length` bytes from `offset`, never fewer. Throws `store_failed` beyond the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Gives the bytes up. */
  close(): Promise<void>;
}

async function fill(file: FileHandle, source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<number> {
  let size = 0;
  for await (const bytes of source) {
    if (size + bytes.length > maxBytes) {
      throw new StoreError("blob_too_large", `temporary file: more than the allowed ${maxBytes} bytes`);
    }
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, size + done).catch(failed);
      done += bytesWritten;
    }
    size += bytes.length;
  }
  return size;
}

function failed(cause: unknown): never {
  throw storeFailure("temporary file", cause);
}

/**
 * Writes a stream of at most `maxBytes` to a file in `folder` that has no name any more once it is open: whatever
 * happens to the process, nothing stays behind. Errors of `source` pass through; throws `blob_too_large`, `store_full`.
 */
export async function openSpool(folder: string, source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Spool> {
  const path = join(folder, `${process.pid}-${randomUUID()}`);
  const file = await open(path, "wx+", 0o600).catch(failed);
  try {
    await rm(path);
    const size = await fill(file, source, maxBytes);
    return {
      size,
      async read(offset, length) {
        const bytes = Buffer.allocUnsafe(length);
        for (let done = 0; done < length; ) {
          const { bytesRead } = await file.read(bytes, done, length - done, offset + done).catch(failed);
          if (bytesRead === 0) throw new StoreError("store_failed", `temporary file: ends before ${offset + length}`);
          done += bytesRead;
        }
        return bytes;
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
