import { alignUp } from "../../bytes/align.ts";
import { utf8 } from "../../bytes/text.ts";
import { concat, inline, padTo, type Recipe, zeros } from "../../extents/index.ts";
import {
  ALIGNMENT,
  BLOCK_BYTES,
  FIELD_MAX,
  FILE_TYPES,
  header,
  MAGIC_NEWC,
  PATH_MAX,
  PERMISSION_MASK,
  TRAILER,
  UNUSED,
} from "./layout.ts";
import { type CpioEntry, CpioError, type CpioOptions } from "./model.ts";

/**
 * One complete newc archive (imager.md 5.8): the entries in the order given, the trailer, zeros up to a
 * multiple of 512 bytes. File bodies become part of the recipe unread. Throws `entry_invalid` for what
 * newc or the kernel's unpacker cannot take, `entry_duplicate` for a path given twice.
 */
export function cpioArchive(entries: readonly CpioEntry[], options: CpioOptions = {}): Recipe {
  const { firstInode = 0 } = options;
  if (!Number.isInteger(firstInode) || firstInode < 0 || firstInode + entries.length > FIELD_MAX) {
    throw new CpioError("entry_invalid", `cpio: ${entries.length} inode numbers from ${firstInode} do not fit 32 bits`);
  }
  const seen = new Set<string>();
  const folders = subdirectories(entries);
  const parts: Recipe[] = [];
  for (const [i, entry] of entries.entries()) {
    if (seen.has(entry.path)) throw new CpioError("entry_duplicate", `cpio: "${entry.path}" is listed twice`);
    seen.add(entry.path);
    // A directory is linked from its parent, from itself and from every directory in it.
    const nlink = entry.$case === "directory" ? 2 + (folders.get(entry.path) ?? 0) : 1;
    parts.push(...record(entry, firstInode + i, nlink));
  }
  parts.push(inline(headerAndName(TRAILER, { ino: 0, mode: 0, nlink: 1, mtime: 0, filesize: 0 })));
  const archive = concat(...parts);
  return padTo(archive, alignUp(archive.size, BLOCK_BYTES));
}

/** How many directories of the archive stand directly in each directory. */
function subdirectories(entries: readonly CpioEntry[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { $case, path } of entries) {
    if ($case !== "directory") continue;
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    counts.set(parent, (counts.get(parent) ?? 0) + 1);
  }
  return counts;
}

function record(entry: CpioEntry, ino: number, nlink: number): Recipe[] {
  checkPath(entry.path);
  checkNumber(entry.path, "mode", entry.mode, PERMISSION_MASK);
  checkNumber(entry.path, "mtime", entry.mtime, FIELD_MAX);
  const body = bodyOf(entry);
  if (body.size > FIELD_MAX) {
    throw new CpioError("entry_invalid", `cpio: "${entry.path}" has ${body.size} bytes, newc ends below 4 GiB`);
  }
  const head = headerAndName(entry.path, {
    ino,
    mode: FILE_TYPES[entry.$case] | entry.mode,
    nlink,
    mtime: entry.mtime,
    filesize: body.size,
  });
  return [inline(head), body, zeros(alignUp(body.size, ALIGNMENT) - body.size)];
}

function bodyOf(entry: CpioEntry): Recipe {
  switch (entry.$case) {
    case "directory":
      return zeros(0);
    case "file":
      return entry.body;
    case "symlink": {
      const target = utf8(entry.target);
      const reason = textProblem(entry.target, target);
      if (reason) throw new CpioError("entry_invalid", `cpio: target of "${entry.path}" ${reason}`);
      return inline(target);
    }
  }
}

type HeaderInput = Record<"ino" | "mode" | "nlink" | "mtime" | "filesize", number>;

/** Header, name with its NUL, and padding to 4 bytes. The name is counted in UTF-8 bytes. */
function headerAndName(path: string, fields: HeaderInput): Uint8Array {
  const name = utf8(path);
  const out = new Uint8Array(alignUp(header.size + name.length + 1, ALIGNMENT));
  out.set(header.encode({ ...UNUSED, ...fields, magic: MAGIC_NEWC, namesize: name.length + 1 }));
  out.set(name, header.size);
  return out;
}

function checkPath(path: string): void {
  const reason = textProblem(path, utf8(path)) ?? pathProblem(path);
  if (reason) throw new CpioError("entry_invalid", `cpio: path ${JSON.stringify(path.slice(0, 200))} ${reason}`);
}

function textProblem(text: string, encoded: Uint8Array): string | undefined {
  if (text === "") return "is empty";
  if (text.includes("\0")) return "contains a NUL";
  if (!text.isWellFormed()) return "is not well-formed Unicode";
  if (encoded.length + 1 > PATH_MAX) return `takes ${encoded.length} bytes, the kernel takes ${PATH_MAX - 1}`;
  return undefined;
}

function pathProblem(path: string): string | undefined {
  if (path === TRAILER) return "is the name that ends an archive";
  for (const part of path.split("/")) {
    if (part === "") return "is absolute, or has an empty part";
    if (part === "." || part === "..") return `has a "${part}" part`;
  }
  return undefined;
}

function checkNumber(path: string, field: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new CpioError("entry_invalid", `cpio: ${field} of "${path}" is ${value}, not in 0..${max}`);
  }
}
