import { createHash } from "node:crypto";
import { FactoryError } from "../errors.ts";

/** A GUID in its text form, lower case: `bca5174b-0118-8a6a-af0b-2c6e1585acae`. */
export type Guid = string & { readonly __brand: "Guid" };

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Checks and lower-cases a GUID text. Throws `guid_invalid`. */
export function parseGuid(text: string): Guid {
  const lower = text.toLowerCase();
  if (!GUID.test(lower)) throw new FactoryError("guid_invalid", `guid: "${text.slice(0, 60)}" is not a GUID`);
  return lower as Guid;
}

/** The 16 bytes in text order (RFC 9562 network order). */
function guidBytes(guid: Guid): Uint8Array {
  return Uint8Array.from(guid.replaceAll("-", "").match(/../g)!, (hex) => Number.parseInt(hex, 16));
}

/** The 16 bytes as UEFI stores them: the first three fields little-endian (UEFI 2.10 appendix A). */
export function guidMixedEndian(guid: Guid): Uint8Array {
  const b = guidBytes(guid);
  return Uint8Array.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15], (i) => b[i]!);
}

/**
 * The GUID Talos derives from a partition or disk label: SHA-256 over 16 zero bytes and the label,
 * cut to 16 bytes, with version 8 and the RFC variant set (outputs.md 2.5).
 */
export function labelGuid(label: string): Guid {
  const b = createHash("sha256").update(new Uint8Array(16)).update(label).digest().subarray(0, 16);
  b[6] = (b[6]! & 0x0f) | 0x80;
  b[8] = (b[8]! & 0x3f) | 0x80;
  return b.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") as Guid;
}

/** The GUID in 16 bytes of mixed order, in lower case. */
export function guidText(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  const hex = order.map((i) => bytes[i]!.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
