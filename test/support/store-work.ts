import { createHash } from "node:crypto";
import { sha256 } from "../../src/bytes/digest.ts";
import type { BlobRef } from "../../src/extents/index.ts";
import { Deriver } from "../../src/imager/derive.ts";
import { Evictor } from "../../src/store/eviction.ts";
import { LocalBlobStore, writeBlob } from "../../src/store/local-blobs.ts";
import { LocalRecords } from "../../src/store/local-records.ts";
import type { Jobs } from "../../src/workers/protocol.ts";

/** Derivations there are; each stores two blobs. */
export const ITEMS = 48;
const PIECE = 8 * 1024;
const NEVER = new AbortController().signal;

/** The bytes of blob `part` of a derivation: a few to 200 KiB, always the same. */
export function itemBytes(item: number, part: number): Uint8Array {
  const length = 1 + ((item * 7919 + part * 104_729) % (200 * 1024));
  return createHash("shake256", { outputLength: length }).update(`${item} ${part}`).digest();
}

/** Derivations of known bytes on a real data folder, as small as they can be: all time goes into writing. */
export interface StoreWork {
  readonly blobs: LocalBlobStore;
  readonly records: LocalRecords;
  /** Finds or makes a derivation and gives its two blobs. */
  item(item: number): Promise<readonly BlobRef[]>;
  close(): Promise<void>;
}

/** Opens a data folder for such work; with `maxBytes` it is kept to that size. */
export async function openStoreWork(folder: string, maxBytes?: number): Promise<StoreWork> {
  const blobs = await LocalBlobStore.open(folder, Date.now(), { unusedFiles: 0 });
  const records = await LocalRecords.open(folder);
  const evictor =
    maxBytes === undefined
      ? undefined
      : new Evictor({
          dataFolder: folder,
          blobs,
          maxBytes,
          onSwept: () => undefined,
          onFailure: (cause) => {
            throw cause;
          },
        });
  const make = async (item: number): Promise<Jobs["files"]["output"]> => {
    const part = async (part: number): Promise<BlobRef> => {
      const bytes = itemBytes(item, part);
      const pieces = Array.from({ length: Math.ceil(bytes.length / PIECE) }, (_, i) =>
        bytes.subarray(i * PIECE, (i + 1) * PIECE),
      );
      return await writeBlob(blobs, pieces, { maxBytes: bytes.length });
    };
    return { files: { first: await part(0), second: await part(1) } };
  };
  const deriver = new Deriver({
    blobs,
    records,
    // The one job there is: picking the files of an image, whose name is the number of the item.
    run: async (_kind, input) => (await make(Number((input as Jobs["files"]["input"]).paths[0]))) as never,
    codecs: "none",
    mtime: 0,
    onDerived: (_kind, _key, _duration, bytes) => evictor?.added(bytes),
  });
  return {
    blobs,
    records,
    async item(item) {
      const image = {
        $case: "image" as const,
        source: { $case: "layout", folder },
        repository: "none",
        layers: [],
      } as const;
      const input = { image, paths: [String(item)] };
      const lease = blobs.lease();
      try {
        const { files } = await deriver
          .holding(lease)
          .derive({ kind: "files", description: { item: sha256(String(item)) }, input }, NEVER);
        return Object.values(files);
      } finally {
        lease.release();
      }
    },
    async close() {
      await evictor?.close();
      blobs.close();
    },
  };
}
