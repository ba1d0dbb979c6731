import { MiB } from "../../bytes/align.ts";
import { malformed, type RandomAccess, readPart, readRecord } from "../../bytes/random-access.ts";
import { ENTRY, HEADER } from "./layout.ts";

const MAX_L1_BYTES = 32 * MiB;
const MAX_TABLES = 256;
/** Bits of an entry that are the offset (qcow2.txt, "Standard Cluster Descriptor"), in its high half. */
const HIGH_MASK = 0x00ffffff;
/** "Compressed", in the high half; "reads as zeros", in the low half. */
const COMPRESSED = 2 ** 30;
const ZEROS = 1;
/** Cluster sizes that are allowed, as powers of two ("cluster_bits"). */
const CLUSTER_BITS = { min: 9, max: 21 };

/**
 * The disk in a qcow2 image of version 2 or 3 without backing file (QEMU docs/interop/qcow2.txt). Throws `image_malformed`,
 * when a cluster is read also for one that is compressed.
 */
export async function openQcow2(source: RandomAccess): Promise<RandomAccess> {
  const { clusterBits, virtualSize, l1Entries, l1Offset, encryption } = await readRecord(source, 0, HEADER);
  if (clusterBits < CLUSTER_BITS.min || clusterBits > CLUSTER_BITS.max) {
    throw malformed(`qcow2: clusters of 2^${clusterBits} bytes`);
  }
  if (encryption !== 0) throw malformed("qcow2: encrypted images are not read");
  const clusterBytes = 2 ** clusterBits;
  const tableEntries = clusterBytes / ENTRY.size;
  if (l1Entries * ENTRY.size > MAX_L1_BYTES || l1Entries * tableEntries * clusterBytes < virtualSize) {
    throw malformed(`qcow2: ${l1Entries} tables for ${virtualSize} bytes`);
  }
  const l1 = await readPart(source, l1Offset, l1Entries * ENTRY.size, "qcow2 L1 table");
  const tables = new Map<number, Uint8Array>();
  const table = async (offset: number): Promise<Uint8Array> => {
    const known = tables.get(offset);
    if (known) return known;
    const read = await readPart(source, offset, clusterBytes, "qcow2 L2 table");
    if (tables.size >= MAX_TABLES) tables.clear();
    tables.set(offset, read);
    return read;
  };
  /** Where a cluster stands; undefined for one of zeros. */
  const locate = async (cluster: number): Promise<number | undefined> => {
    const tableAt = offsetIn(ENTRY.decode(l1, Math.floor(cluster / tableEntries) * ENTRY.size));
    if (tableAt === 0) return undefined;
    const entry = ENTRY.decode(await table(tableAt), (cluster % tableEntries) * ENTRY.size);
    if (entry.high & COMPRESSED) throw malformed("qcow2: compressed clusters are not read");
    return entry.low & ZEROS ? undefined : offsetIn(entry) || undefined;
  };
  return {
    size: virtualSize,
    async read(offset, length) {
      const out = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const at = offset + done;
        const inside = at % clusterBytes;
        const count = Math.min(clusterBytes - inside, length - done);
        const start = await locate(Math.floor(at / clusterBytes));
        if (start !== undefined) out.set(await readPart(source, start + inside, count, "qcow2 cluster"), done);
        done += count;
      }
      return out;
    },
  };
}

function offsetIn({ high, low }: { readonly high: number; readonly low: number }): number {
  return (high & HIGH_MASK) * 2 ** 32 + Math.floor(low / 512) * 512;
}
