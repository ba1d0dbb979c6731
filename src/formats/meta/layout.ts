import { bytes, constant, struct, u32be } from "../../bytes/struct.ts";

/** Size of a META partition in bytes (outputs.md 2.11). */
export const PARTITION_BYTES = 1024 * 1024;
/** One copy of the store; the second follows the first directly (outputs.md 2.11). */
export const COPY_BYTES = 256 * 1024;
/** Bytes that records may fill. */
export const RECORD_AREA_BYTES = 262_104;
/** Marks that frame a copy (outputs.md 2.11; go-adv `adv/talos`). */
export const HEAD_MAGIC = 0x5a4b3c2d;
export const TAIL_MAGIC = 0xa5b4c3d2;

/** One copy: records between two marks, with a SHA-256 over the copy in which the hash itself is zero. */
export const metaCopy = struct(
  { name: "meta copy", size: COPY_BYTES },
  {
    head: constant(u32be, HEAD_MAGIC),
    records: bytes(RECORD_AREA_BYTES),
    checksum: bytes(32),
    tail: constant(u32be, TAIL_MAGIC),
  },
);

/** What stands before each value; tag 0 ends the list. */
export const recordHead = struct({ name: "meta record", size: 8 }, { tag: u32be, length: u32be });
