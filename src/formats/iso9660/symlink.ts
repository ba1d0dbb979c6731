import { concatBytes, utf8 } from "../../bytes/text.ts";
import {
  COMPONENT_CONTINUES,
  COMPONENT_CURRENT,
  COMPONENT_PARENT,
  COMPONENT_ROOT,
  SL_CONTINUES,
  slComponent,
  useSl,
} from "./layout.ts";

/** Bytes of component records in one SL entry, whose length is one byte. */
const MAX_RECORDS_BYTES = 255 - useSl.size;
const MAX_TEXT_BYTES = MAX_RECORDS_BYTES - slComponent.size;
/** What stands before a slash at the start is the root; xorriso writes doubled slashes the same way. */
const NAMED: ReadonlyMap<string, number> = new Map([
  ["", COMPONENT_ROOT],
  [".", COMPONENT_CURRENT],
  ["..", COMPONENT_PARENT],
]);

function record(flags: number, text: Uint8Array = new Uint8Array()): Uint8Array {
  return concatBytes(slComponent.encode({ flags, textBytes: text.length }), text);
}

/** The records of one component; a text that no entry holds is continued in the next. */
function componentRecords(component: string): readonly Uint8Array[] {
  const flags = NAMED.get(component);
  if (flags !== undefined) return [record(flags)];
  const text = utf8(component);
  const pieces = Math.ceil(text.length / MAX_TEXT_BYTES);
  return Array.from({ length: pieces }, (_, i) =>
    record(i + 1 < pieces ? COMPONENT_CONTINUES : 0, text.subarray(i * MAX_TEXT_BYTES, (i + 1) * MAX_TEXT_BYTES)),
  );
}

/** The SL entries of a target (RRIP 1.10, 4.1.3). Slashes at its end are dropped, as xorriso does. */
export function linkEntries(target: string): Uint8Array {
  const records = target.replace(/\/+$/, "").split("/").flatMap(componentRecords);
  const entries: Uint8Array[] = [];
  for (const one of records) {
    const last = entries.at(-1);
    if (last && last.length + one.length <= MAX_RECORDS_BYTES) entries[entries.length - 1] = concatBytes(last, one);
    else entries.push(one);
  }
  const head = (records: Uint8Array, i: number): Uint8Array =>
    useSl.encode({ length: useSl.size + records.length, flags: i + 1 < entries.length ? SL_CONTINUES : 0 });
  return concatBytes(...entries.flatMap((records, i) => [head(records, i), records]));
}
