/** What a Range header asks of a body of known size (RFC 9110 14.2). `start` and `end` are byte offsets, end exclusive. */
export type RangeRequest =
  | { readonly $case: "whole" }
  | { readonly $case: "part"; readonly start: number; readonly end: number }
  | { readonly $case: "unsatisfiable" };

const WHOLE: RangeRequest = { $case: "whole" };
const SINGLE = /^bytes=[ \t]*([0-9]{1,16})?-([0-9]{1,16})?[ \t]*$/i;

/**
 * Reads a Range header. Everything but one well-formed byte range means the whole body: a server may ignore the
 * header (RFC 9110 14.2), and lists of ranges are how clients make servers work for nothing.
 */
export function parseRange(header: string | undefined, size: number): RangeRequest {
  const match = header === undefined ? null : SINGLE.exec(header);
  if (!match) return WHOLE;
  const [, first, last] = match;
  if (first === undefined && last === undefined) return WHOLE;
  if (first === undefined) {
    const suffix = Math.min(Number(last), size);
    return suffix === 0 ? { $case: "unsatisfiable" } : { $case: "part", start: size - suffix, end: size };
  }
  const start = Number(first);
  if (last !== undefined && Number(last) < start) return WHOLE;
  if (start >= size) return { $case: "unsatisfiable" };
  return { $case: "part", start, end: last === undefined ? size : Math.min(Number(last) + 1, size) };
}
