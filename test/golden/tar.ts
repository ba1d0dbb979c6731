/** Archives as Go's `archive/tar` writes them, for recorded digests of whole archives (POSIX.1-2017, pax, "ustar Interchange Format"). */
import { alignUp } from "../../src/bytes/align.ts";
import { concatBytes, utf8 } from "../../src/bytes/text.ts";

/** A member owned by root, of the time 0: a file with its text, or a directory. `mode` is octal text. */
export interface TarEntry {
  readonly name: string;
  readonly mode: string;
  readonly type: string;
  readonly text?: string | undefined;
  readonly pax?: Readonly<Record<string, string>> | undefined;
}

const BLOCK = 512;
/** Offset and width of the header's fields. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  type: [156, 1],
  magic: [257, 8],
  devmajor: [329, 8],
  devminor: [337, 8],
} as const;
/** Its checksum counts as spaces while it is computed. */
const CHECKSUM = { offset: 148, width: 8 };

function octal(value: number, width: number): string {
  return value.toString(8).padStart(width - 1, "0");
}

/** A header block and the content behind it. `devices`: extended headers leave these fields empty. */
function member(name: string, type: string, mode: string, content: Uint8Array, devices = true): Uint8Array {
  const block = new Uint8Array(BLOCK + alignUp(content.length, BLOCK));
  const put = (field: keyof typeof FIELDS, text: string): void => {
    const [offset, width] = FIELDS[field];
    block.set(utf8(text).subarray(0, width), offset);
  };
  put("name", name);
  put("mode", mode.padStart(FIELDS.mode[1] - 1, "0"));
  for (const field of ["uid", "gid", "mtime"] as const) put(field, octal(0, FIELDS[field][1]));
  for (const field of devices ? (["devmajor", "devminor"] as const) : []) put(field, octal(0, FIELDS[field][1]));
  put("size", octal(content.length, FIELDS.size[1]));
  put("type", type);
  put("magic", "ustar\u000000");
  block.fill(0x20, CHECKSUM.offset, CHECKSUM.offset + CHECKSUM.width);
  const sum = block.subarray(0, BLOCK).reduce((total, byte) => total + byte, 0);
  block.set(utf8(`${octal(sum, CHECKSUM.width - 1)}\0 `), CHECKSUM.offset);
  block.set(content, BLOCK);
  return block;
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = utf8(rest).length;
  let length = bytes;
  while (length !== bytes + String(length).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

function paxHeader(name: string, records: Readonly<Record<string, string>>): Uint8Array {
  const slash = name.lastIndexOf("/") + 1;
  const text = Object.entries(records).map(([key, value]) => paxRecord(key, value));
  return member(`${name.slice(0, slash)}PaxHeaders.0/${name.slice(slash)}`, "x", "0", utf8(text.join("")), false);
}

/** The whole archive with the two zero blocks at its end. */
export function tarBytes(entries: readonly TarEntry[]): Uint8Array {
  const members = entries.flatMap(({ name, mode, type, text = "", pax }) => [
    ...(pax ? [paxHeader(name, pax)] : []),
    member(name, type, mode, utf8(text)),
  ]);
  return concatBytes(...members, new Uint8Array(2 * BLOCK));
}
