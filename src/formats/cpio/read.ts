import { alignUp } from "../../bytes/align.ts";
import { messageOf } from "../../errors.ts";
import { ByteSource } from "./bytesource.ts";
import { ALIGNMENT, FILE_TYPES, header, PATH_MAX, PERMISSION_MASK, TRAILER, TYPE_MASK } from "./layout.ts";
import { CpioError, type CpioLimits, type CpioRecord } from "./model.ts";

const TYPE_NAMES = new Map<number, CpioRecord["type"]>(
  Object.entries(FILE_TYPES).map(([name, bits]) => [bits, name as CpioRecord["type"]]),
);
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The records of one newc archive or of several in a row with zeros between them, as the kernel reads
 * an initramfs once it is decompressed. Trailers are not yielded. Paths are given as stored, without
 * a leading `./` or `/` being removed: whoever unpacks must judge them. Throws `archive_malformed`,
 * `archive_truncated` (no trailer, or an end within a record), `limit_exceeded`.
 */
export async function* readCpio(source: AsyncIterable<Uint8Array>, limits: CpioLimits): AsyncGenerator<CpioRecord> {
  const input = new ByteSource(source, limits.maxTotalBytes);
  let entries = 0;
  try {
    while (await input.skipZeros()) {
      for (;;) {
        const at = input.position;
        if (++entries > limits.maxEntries) {
          throw new CpioError("limit_exceeded", `cpio: more than ${limits.maxEntries} records`);
        }
        const { path, fields } = await readHead(input, at);
        if (fields.filesize > limits.maxFileBytes) {
          throw new CpioError("limit_exceeded", `cpio: "${path}" has ${fields.filesize} bytes, over the limit`);
        }
        const bodyEnd = input.position + fields.filesize;
        if (path !== TRAILER) yield toRecord(path, fields, at, input.upTo(bodyEnd));
        await input.skipTo(alignUp(bodyEnd, ALIGNMENT));
        if (path === TRAILER) break;
      }
    }
  } finally {
    await input.close();
  }
}

type Head = ReturnType<typeof header.decode>;

async function readHead(input: ByteSource, at: number): Promise<{ path: string; fields: Head }> {
  const fields = decodeHeader(await input.take(header.size), at);
  if (fields.namesize < 1 || fields.namesize > PATH_MAX) {
    throw new CpioError("archive_malformed", `cpio: record at ${at}: name of ${fields.namesize} bytes`);
  }
  const name = await input.take(fields.namesize);
  await input.skipTo(alignUp(input.position, ALIGNMENT));
  const end = name.indexOf(0);
  if (end !== name.length - 1) {
    throw new CpioError("archive_malformed", `cpio: record at ${at}: name does not end with its one NUL`);
  }
  try {
    return { path: DECODER.decode(name.subarray(0, end)), fields };
  } catch (cause) {
    throw new CpioError("archive_malformed", `cpio: record at ${at}: name is not UTF-8`, { cause });
  }
}

function decodeHeader(bytes: Uint8Array, at: number): Head {
  try {
    return header.decode(bytes);
  } catch (cause) {
    throw new CpioError("archive_malformed", `cpio: record at ${at}: ${messageOf(cause)}`, { cause });
  }
}

function toRecord(path: string, fields: Head, at: number, body: AsyncIterable<Uint8Array>): CpioRecord {
  const type = TYPE_NAMES.get(fields.mode & TYPE_MASK);
  if (type === undefined) {
    throw new CpioError(
      "archive_malformed",
      `cpio: record at ${at}: mode ${fields.mode.toString(8)} has no known type`,
    );
  }
  return {
    path,
    type,
    mode: fields.mode & PERMISSION_MASK,
    ino: fields.ino,
    uid: fields.uid,
    gid: fields.gid,
    nlink: fields.nlink,
    mtime: fields.mtime,
    rdevMajor: fields.rdevmajor,
    rdevMinor: fields.rdevminor,
    size: fields.filesize,
    body,
  };
}
