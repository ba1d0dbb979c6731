/** A plain reader of newc archives for tests (cpio(5), "New ASCII Format"), written against the format, not against the writer. */
import assert from "node:assert/strict";

const MAGIC = "070701";
const FIELDS = [
  "ino",
  "mode",
  "uid",
  "gid",
  "nlink",
  "mtime",
  "filesize",
  "devmajor",
  "devminor",
  "rdevmajor",
  "rdevminor",
  "namesize",
  "check",
] as const;
const FIELD_CHARACTERS = 8;
const HEADER_BYTES = MAGIC.length + FIELDS.length * FIELD_CHARACTERS;
const TRAILER = "TRAILER!!!";
const ALIGNMENT = 4;

export type CpioFound = Readonly<Record<(typeof FIELDS)[number], number>> & {
  readonly name: string;
  readonly bytes: Uint8Array;
};

/** One archive with its trailer left out, and where it ends; padding behind the trailer is not looked at. */
export function readCpioArchive(image: Uint8Array, start = 0) {
  const entries: CpioFound[] = [];
  const text = (at: number, length: number): string => Buffer.from(image.subarray(at, at + length)).toString("utf8");
  const aligned = (at: number): number => start + Math.ceil((at - start) / ALIGNMENT) * ALIGNMENT;
  for (let at = start; ; ) {
    assert.equal(text(at, MAGIC.length), MAGIC, `no newc header at ${at}`);
    const values = FIELDS.map((field, i) => {
      const digits = text(at + MAGIC.length + i * FIELD_CHARACTERS, FIELD_CHARACTERS);
      assert.match(digits, /^[0-9A-F]{8}$/);
      return [field, Number.parseInt(digits, 16)] as const;
    });
    const header = Object.fromEntries(values) as Record<(typeof FIELDS)[number], number>;
    const name = text(at + HEADER_BYTES, header.namesize - 1);
    const body = aligned(at + HEADER_BYTES + header.namesize);
    const end = aligned(body + header.filesize);
    if (name === TRAILER) return { entries, end };
    entries.push({ ...header, name, bytes: image.subarray(body, body + header.filesize) });
    at = end;
  }
}
