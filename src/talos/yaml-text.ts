/** The characters of YAML text (factory.md 2.2). */
import { yamlError } from "./yaml-node.ts";

/** A text whose lines all end in LF. The byte order mark decides the encoding. Throws `yaml_invalid` for control characters. */
export function decodeText(input: Uint8Array | string): string {
  const text = typeof input === "string" ? input.replace(/^\ufeff/, "") : decodeBytes(input);
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.exec(text);
  if (control) throw yamlError(`control characters are not allowed (value: ${control[0].charCodeAt(0)})`);
  return text.replace(/\r\n?|\u0085/g, "\n");
}

function decodeBytes(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const line = encoding === "utf-8" ? brokenLine(bytes) : undefined;
    throw yamlError(`invalid ${encoding.toUpperCase()} text`, line, cause);
  }
}

/** The line of the first byte that is no UTF-8. */
function brokenLine(bytes: Uint8Array): number {
  const repaired = Buffer.from(Buffer.from(bytes).toString());
  const broken = bytes.findIndex((byte, i) => byte !== repaired[i]);
  return bytes.subarray(0, broken).filter((byte) => byte === 0x0a).length + 1;
}
