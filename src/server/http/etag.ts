import type { Digest } from "../../bytes/digest.ts";
import { digestHex } from "../../bytes/digest.ts";

/** The strong entity tag of a recipe. */
export function entityTag(identity: Digest): string {
  return `"${digestHex(identity)}"`;
}

/** The tags of an If-Match or If-None-Match list, weak marks kept. */
function tagsOf(header: string): readonly string[] {
  return header.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

/** If-None-Match (RFC 9110 13.1.2): true when the client holds this body already. Comparison is weak. */
export function noneMatchHolds(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === "*" || tagsOf(header).some((one) => one.replace(/^W\//, "") === tag);
}

/** If-Match (RFC 9110 13.1.1): true when the request may go on. Comparison is strong. */
export function matchAllows(header: string | undefined, tag: string): boolean {
  return header === undefined || header.trim() === "*" || tagsOf(header).includes(tag);
}

/** If-Range (RFC 9110 13.1.5): true when a Range header counts. There are no dates here, so only an equal strong tag does. */
export function rangeCounts(header: string | undefined, tag: string): boolean {
  return header === undefined || header.trim() === tag;
}
