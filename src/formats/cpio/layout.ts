import { ascii, type Field, struct } from "../../bytes/struct.ts";

/** newc and its checksummed sibling, whose records read the same (kernel: early-userspace/buffer-format.rst). */
export const MAGIC_NEWC = "070701";
const MAGIC_CRC = "070702";

/** Name of the record that ends an archive (same document). */
export const TRAILER = "TRAILER!!!";

/** Headers with names, and bodies, are padded to this many bytes (same document). */
export const ALIGNMENT = 4;

/** GNU cpio's default block: archives end on a multiple of it (outputs of `cpio --create`; imager.md 5.8). */
export const BLOCK_BYTES = 512;

/** Longest name with its NUL that the kernel unpacks (PATH_MAX, linux/limits.h; init/initramfs.c skips longer ones). */
export const PATH_MAX = 4096;

/** Largest value of an eight digit field. */
export const FIELD_MAX = 0xffffffff;

/** File type bits of st_mode (linux/stat.h). */
export const FILE_TYPES = {
  directory: 0o040000,
  file: 0o100000,
  symlink: 0o120000,
  block: 0o060000,
  char: 0o020000,
  fifo: 0o010000,
  socket: 0o140000,
} as const;
export const TYPE_MASK = 0o170000;
export const PERMISSION_MASK = 0o7777;

const digits = ascii(8);
const HEX = /^[0-9A-Fa-f]{8}$/;

/** Eight hex digits, written in upper case as GNU cpio does, read in either. */
const hex8: Field<number> = {
  size: digits.size,
  write: (view, at, value) => {
    if (!Number.isInteger(value) || value < 0 || value > FIELD_MAX)
      throw new RangeError(`${value} is not in 0..2^32-1`);
    digits.write(view, at, value.toString(16).toUpperCase().padStart(digits.size, "0"));
  },
  read: (view, at) => {
    const text = digits.read(view, at);
    if (!HEX.test(text)) throw new RangeError(`${JSON.stringify(text)} is not a number of eight hex digits`);
    return Number.parseInt(text, 16);
  },
};

const letters = ascii(6);

/** First in the header, so that what is no archive at all is refused by its magic. */
const magic: Field<string> = {
  ...letters,
  read: (view, at) => {
    const text = letters.read(view, at);
    if (text !== MAGIC_NEWC && text !== MAGIC_CRC) throw new RangeError(`magic is not ${MAGIC_NEWC} or ${MAGIC_CRC}`);
    return text;
  },
};

/** Record header (kernel: early-userspace/buffer-format.rst). */
export const header = struct(
  { name: "cpio newc header", size: 110 },
  {
    magic,
    ino: hex8,
    mode: hex8,
    uid: hex8,
    gid: hex8,
    nlink: hex8,
    mtime: hex8,
    filesize: hex8,
    devmajor: hex8,
    devminor: hex8,
    rdevmajor: hex8,
    rdevminor: hex8,
    namesize: hex8,
    check: hex8,
  },
);

/** Fields that are 0 in everything we write (imager.md 5.8). */
export const UNUSED = { uid: 0, gid: 0, devmajor: 0, devminor: 0, rdevmajor: 0, rdevminor: 0, check: 0 } as const;
