import { crc32Combined } from "../../bytes/crc32.ts";
import { concatBytes } from "../../bytes/text.ts";
import { concat, inline, type Recipe } from "../../extents/index.ts";
import { FINAL_BLOCK, FLAG_NAME, MEMBER_HEADER, MEMBER_TRAILER } from "./layout.ts";
import { GzipError, type GzipOptions, type GzipPart } from "./model.ts";

/** The name in Latin-1 with its NUL, as the header keeps it. */
function nameField(name: string): Uint8Array {
  const codes = Array.from(name, (letter) => letter.codePointAt(0)!);
  if (codes.some((code) => code === 0 || code > 0xff)) {
    throw new GzipError("gzip_name", `name: ${JSON.stringify(name)} is not Latin-1 without NUL`);
  }
  return Uint8Array.of(...codes, 0);
}

function header(name: string | undefined): Uint8Array {
  if (name === undefined) return MEMBER_HEADER.encode({ flags: 0 });
  return concatBytes(MEMBER_HEADER.encode({ flags: FLAG_NAME }), nameField(name));
}

/** A gzip file of one member whose content is that of the parts, in order. Throws `gzip_name`. RFC 1952. */
export function gzipMember(parts: readonly GzipPart[], { name }: GzipOptions = {}): Recipe {
  const crc32 = parts.reduce((crc, part) => crc32Combined(crc, part.crc32, part.size), 0);
  const size = parts.reduce((sum, part) => sum + part.size, 0) % 2 ** 32;
  const trailer = concatBytes(FINAL_BLOCK, MEMBER_TRAILER.encode({ crc32, size }));
  return concat(inline(header(name)), ...parts.map(({ deflate }) => deflate), inline(trailer));
}
