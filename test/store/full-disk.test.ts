import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type OpenTemporary, openTemporary, type WritableFile } from "../../src/store/files.ts";
import { LocalBlobStore, writeBlob } from "../../src/store/local-blobs.ts";
import { temporaryFolder } from "../support/folder.ts";

/** How a file on the way into the store fails, and the code the store gives to it. */
interface Fault {
  readonly step: "open" | "write" | "sync" | "utimes" | "close";
  readonly error: string;
  readonly code: string;
}

const FAULTS: readonly Fault[] = [
  { step: "open", error: "ENOSPC", code: "store_full" },
  { step: "open", error: "EMFILE", code: "store_busy" },
  { step: "open", error: "ENFILE", code: "store_busy" },
  { step: "write", error: "ENOSPC", code: "store_full" },
  { step: "write", error: "EDQUOT", code: "store_full" },
  { step: "write", error: "EFBIG", code: "store_full" },
  { step: "write", error: "EIO", code: "store_failed" },
  // File systems that allocate late only tell when the file is synchronised or closed.
  { step: "sync", error: "ENOSPC", code: "store_full" },
  { step: "close", error: "EDQUOT", code: "store_full" },
  { step: "utimes", error: "EIO", code: "store_failed" },
];

/** The real file system, but for one step; a write fails after `room` bytes, half of its own first. */
function faulty({ step, error }: Fault, room: { bytes: number; failing: boolean }): OpenTemporary {
  const fail = (): never => {
    throw Object.assign(new Error(`${error}: injected`), { code: error });
  };
  return async (folder) => {
    if (step === "open" && room.failing) fail();
    const { path, file } = await openTemporary(folder);
    const broken = <T>(name: Fault["step"], work: () => Promise<T>): Promise<T> =>
      work().then((value) => (name === step && room.failing ? fail() : value));
    const watched: WritableFile = {
      async write(bytes, offset, length, position) {
        if (step !== "write" || !room.failing) return await file.write(bytes, offset, length, position);
        if (room.bytes === 0) fail();
        const part = Math.min(length, room.bytes);
        room.bytes -= part;
        return await file.write(bytes, offset, part, position);
      },
      sync: () => broken("sync", () => file.sync()),
      utimes: (atime, mtime) => broken("utimes", () => file.utimes(atime, mtime)),
      close: () => broken("close", () => file.close()),
    };
    return { path, file: watched };
  };
}

for (const fault of FAULTS) {
  test(`${fault.error} when a blob's file is to ${fault.step}: a code, nothing left, and room again`, async () => {
    await using folder = await temporaryFolder();
    const room = { bytes: 1500, failing: true };
    const store = await LocalBlobStore.open(folder.path, Date.now(), { openTemporary: faulty(fault, room) });
    const chunks = [new Uint8Array(1000).fill(1), new Uint8Array(1000).fill(2)];
    await assert.rejects(writeBlob(store, chunks, { maxBytes: 2000 }), { code: fault.code });
    assert.deepEqual(await readdir(join(folder.path, "tmp")), []);
    assert.deepEqual(await readdir(join(folder.path, "oci/blobs/sha256")), []);
    room.failing = false;
    const { digest } = await writeBlob(store, chunks, { maxBytes: 2000 });
    assert.deepEqual([...(await store.read(digest, 999, 2))], [1, 2]);
    store.close();
  });
}
