import { crc32 } from "node:zlib";
import { type BlobReader, type Recipe, read, slice } from "../../src/extents/index.ts";
import { gptEntry, gptHeader } from "../../src/formats/gpt/layout.ts";

/** A header, and whether both its checksums are right. */
export interface FoundHeader extends Omit<ReturnType<typeof gptHeader.decode>, "diskGuid"> {
  readonly diskGuid: string;
  readonly headerCrcOk: boolean;
  readonly entriesCrcOk: boolean;
  /** The array it names. */
  readonly entries: Uint8Array;
}

export interface FoundPartition {
  /** From 1 on. */
  readonly index: number;
  readonly name: string;
  readonly type: string;
  readonly guid: string;
  readonly firstLba: number;
  readonly lastLba: number;
  readonly attributes: bigint;
  readonly content: Recipe;
}

/** GUIDs as text in upper case; the first three fields are little-endian (UEFI 2.10 appendix A). */
function guidText(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  const hex = Buffer.from(order.map((i) => bytes[i]!)).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5").toUpperCase();
}

/** Reads a GPT disk back from its bytes, as UEFI 2.10 chapter 5 describes it. */
export class DiskReader {
  readonly #image: Recipe;
  readonly #blobs: BlobReader;
  readonly sectorSize: number;

  constructor(image: Recipe, blobs: BlobReader, sectorSize: number) {
    this.#image = image;
    this.#blobs = blobs;
    this.sectorSize = sectorSize;
  }

  /** The first 512 bytes. */
  async mbr(): Promise<Uint8Array> {
    return await read(this.#image, this.#blobs, 0, 512);
  }

  async #at(lba: number, bytes: number): Promise<Uint8Array> {
    return await read(this.#image, this.#blobs, lba * this.sectorSize, bytes);
  }

  /** The header at an LBA: 1, or the last one. */
  async header(lba: number): Promise<FoundHeader> {
    const bytes = await this.#at(lba, gptHeader.size);
    const fields = gptHeader.decode(bytes);
    const entries = await this.#at(fields.entriesLba, fields.entryCount * fields.entryBytes);
    bytes.fill(0, gptHeader.offsets.headerCrc, gptHeader.offsets.headerCrc + 4);
    return {
      ...fields,
      diskGuid: guidText(fields.diskGuid),
      headerCrcOk: crc32(bytes) === fields.headerCrc,
      entriesCrcOk: crc32(entries) === fields.entriesCrc,
      entries,
    };
  }

  /** The partitions of an entry array. */
  partitions({ entries, entryCount, entryBytes }: FoundHeader): readonly FoundPartition[] {
    return Array.from({ length: entryCount }, (_, i) => {
      const { type, guid, firstLba, lastLba, attributes, name } = gptEntry.decode(entries, i * entryBytes);
      const [start, end] = [firstLba * this.sectorSize, (lastLba + 1) * this.sectorSize];
      return {
        index: i + 1,
        name: Buffer.from(name).toString("utf16le").replace(/\0.*$/su, ""),
        type: guidText(type),
        guid: guidText(guid),
        ...{ firstLba, lastLba, attributes },
        content: slice(this.#image, start, firstLba === 0 ? 0 : end - start),
      };
    }).filter(({ firstLba }) => firstLba !== 0);
  }
}

/** Bytes of a recipe before the zeros at its end, as its extents tell them. */
export function bytesBeforeZeros({ extents, starts, size }: Recipe): number {
  const last = extents.at(-1);
  return last?.$case === "zeros" ? starts.at(-1)! : size;
}
