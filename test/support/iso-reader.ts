import assert from "node:assert/strict";
import { directoryRecord, pathRecords, primaryDescriptor } from "../../src/formats/iso9660/layout.ts";

const BLOCK = 2048;

/** What the reader finds about one entry; block numbers count from the start of the view. */
export interface IsoFound {
  readonly path: string;
  readonly identifier: string;
  readonly mode: number;
  readonly links: number;
  readonly time: readonly number[];
  readonly sections: readonly { readonly block: number; readonly bytes: number }[];
  /** Of a symbolic link. */
  readonly target?: string | undefined;
}

type RockRidge = Pick<IsoFound, "mode" | "links" | "time" | "target"> & { readonly name: string };

interface RawRecord {
  readonly identifier: string;
  readonly extentBlock: number;
  readonly dataBytes: number;
  readonly flags: number;
  readonly use: Uint8Array;
}

/** A plain ISO 9660 and Rock Ridge reader for tests, written against the specifications, not against the writer. */
export class IsoReader {
  readonly image: Uint8Array;
  readonly volume: ReturnType<typeof primaryDescriptor.decode>;

  /** `image` starts at the view's block 0 and may end behind the metadata. */
  constructor(image: Uint8Array) {
    this.image = image;
    this.volume = primaryDescriptor.decode(image, 16 * BLOCK);
  }

  /** All entries depth-first in identifier order, without the root. */
  *walk(): Generator<IsoFound> {
    const root = directoryRecord.decode(this.volume.root);
    yield* this.#folder("", root.extentBlock, root.dataBytes);
  }

  /** The path table in one byte order: identifier, block and parent number of each directory. */
  *pathTable(order: "little" | "big"): Generator<readonly [string, number, number]> {
    const start = (order === "little" ? this.volume.pathTableLittle : this.volume.pathTableBig) * BLOCK;
    for (let at = start; at < start + this.volume.pathTableBytes; ) {
      const { identifierBytes, block, parent } = pathRecords[order].decode(this.image, at);
      const identifier = this.image.subarray(at + 8, at + 8 + identifierBytes);
      yield [Buffer.from(identifier).toString("latin1"), block, parent];
      at += 8 + identifierBytes + (identifierBytes % 2);
    }
  }

  *#folder(folder: string, block: number, bytes: number): Generator<IsoFound> {
    const [self, parent, ...children] = [...this.#records(block, bytes)];
    assert.deepEqual([self?.identifier, self?.extentBlock, parent?.identifier], ["\0", block, "\x01"]);
    const order = children.map((child) => child.identifier);
    assert.deepEqual(order, order.toSorted(), `${folder}: order of records`);
    for (let i = 0; i < children.length; i++) {
      const first = children[i]!;
      const sections = [{ block: first.extentBlock, bytes: first.dataBytes }];
      for (; children[i]!.flags & 0x80; i++) {
        assert.equal(children[i + 1]!.identifier, first.identifier);
        sections.push({ block: children[i + 1]!.extentBlock, bytes: children[i + 1]!.dataBytes });
      }
      const { name, ...rest } = this.#rockRidge(first.use);
      const path = `${folder}/${name}`;
      yield { path, identifier: first.identifier, ...rest, sections };
      if (first.flags & 0x02) yield* this.#folder(path, first.extentBlock, first.dataBytes);
    }
  }

  *#records(block: number, bytes: number): Generator<RawRecord> {
    const start = block * BLOCK;
    for (let at = start; at < start + bytes; ) {
      const length = this.image[at]!;
      if (length === 0) {
        at = Math.ceil((at + 1) / BLOCK) * BLOCK;
        continue;
      }
      assert.equal(length % 2, 0);
      assert.ok((at % BLOCK) + length <= BLOCK, "a record crosses a block boundary");
      const { extentBlock, dataBytes, flags, identifierBytes } = directoryRecord.decode(this.image, at);
      const head = 33 + identifierBytes + ((identifierBytes + 1) % 2);
      const identifier = Buffer.from(this.image.subarray(at + 33, at + 33 + identifierBytes)).toString("latin1");
      yield { identifier, extentBlock, dataBytes, flags, use: this.image.subarray(at + head, at + length) };
      at += length;
    }
  }

  #rockRidge(use: Uint8Array): RockRidge {
    const name: Uint8Array[] = [];
    const target: Uint8Array[] = [];
    let [mode, links, time] = [0, 0, [] as readonly number[]];
    let next: Uint8Array | undefined = use;
    while (next) {
      const area: Uint8Array = next;
      next = undefined;
      for (let at = 0; at + 4 <= area.length && area[at] !== 0; at += area[at + 2]!) {
        const entry = area.subarray(at, at + area[at + 2]!);
        const view = new DataView(entry.buffer, entry.byteOffset, entry.length);
        const signature = String.fromCharCode(entry[0]!, entry[1]!);
        if (signature === "PX") [mode, links] = [view.getUint32(4, true), view.getUint32(12, true)];
        if (signature === "TF") time = [...entry.subarray(5, 12)];
        if (signature === "NM") name.push(entry.subarray(5));
        if (signature === "SL") target.push(entry.subarray(5));
        if (signature === "CE") {
          const [block, offset, bytes] = [4, 12, 20].map((field) => view.getUint32(field, true)) as [
            number,
            number,
            number,
          ];
          assert.ok(offset + bytes <= BLOCK, "a continuation crosses a block boundary");
          next = this.image.subarray(block * BLOCK + offset, block * BLOCK + offset + bytes);
        }
      }
    }
    return { name: Buffer.concat(name).toString("utf8"), mode, links, time, target: linkTarget(target) };
  }
}

/** The path that the component records of SL entries spell; undefined without any. */
function linkTarget(areas: readonly Uint8Array[]): string | undefined {
  if (areas.length === 0) return undefined;
  const records = Buffer.concat(areas);
  const parts: Buffer[] = [];
  let joined = true;
  for (let at = 0; at < records.length; at += 2 + records[at + 1]!) {
    const flags = records[at]!;
    const text = records.subarray(at + 2, at + 2 + records[at + 1]!);
    if (!joined) parts.push(Buffer.from("/"));
    parts.push(
      flags & 0x02 ? Buffer.from(".") : flags & 0x04 ? Buffer.from("..") : flags & 0x08 ? Buffer.from("/") : text,
    );
    joined = (flags & 0x09) !== 0;
  }
  return Buffer.concat(parts).toString("utf8");
}
