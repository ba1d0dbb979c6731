import { utf8 } from "../../bytes/text.ts";
import { IsoError } from "./model.ts";

/** One time in the two forms ISO 9660 has. */
export interface IsoTime {
  /** Of directory records and Rock Ridge (ECMA-119, 9.1.5). */
  readonly short: Uint8Array;
  /** Of volume descriptors (ECMA-119, 8.4.26.1). */
  readonly long: Uint8Array;
}

/** Sixteen digits and a zone offset of 0: "not specified" when all digits are 0 (ECMA-119, 8.4.26.1). */
function digits(text: string): Uint8Array {
  return Uint8Array.of(...utf8(text), 0);
}

/** The date that says nothing, for expiration and effective time. */
export const NO_DATE: Uint8Array = digits("0".repeat(16));

/** Seconds since 1970 in both forms, UTC. Throws `time_range` outside 1970 to 2155. */
export function isoTime(mtime: number): IsoTime {
  const at = new Date(mtime * 1000);
  const year = at.getUTCFullYear();
  if (!Number.isInteger(mtime) || !(year >= 1970 && year <= 1900 + 255)) {
    throw new IsoError("time_range", `iso9660 mtime: ${mtime} is not a second between 1970 and 2155`);
  }
  const [month, day] = [at.getUTCMonth() + 1, at.getUTCDate()];
  const [hour, minute, second] = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()];
  const clock = [month, day, hour, minute, second].map((part) => String(part).padStart(2, "0")).join("");
  return {
    short: Uint8Array.of(year - 1900, month, day, hour, minute, second, 0),
    long: digits(`${year}${clock}00`),
  };
}
