import {
  ATTRIBUTE_DIRECTORY,
  ATTRIBUTE_VOLUME_LABEL,
  LABEL_DATE,
  LABEL_TIME,
  LONG_NAME_LAST,
  LONG_NAME_UNITS,
  longSlot,
  shortSlot,
} from "./layout.ts";
import type { FatStamp } from "./model.ts";
import type { StoredName } from "./names.ts";

/** What a short entry says about a file or directory besides its name. */
export interface SlotTarget {
  readonly attributes: number;
  readonly stamp: FatStamp;
  /** First cluster; 0 for an empty file. */
  readonly cluster: number;
  readonly sizeBytes: number;
}

function encodeShort(
  name: string,
  caseBits: number,
  { attributes, stamp, cluster, sizeBytes }: SlotTarget,
): Uint8Array {
  return shortSlot.encode({
    name,
    attributes,
    caseBits,
    sizeBytes,
    createdTime: stamp.time,
    createdDate: stamp.date,
    accessedDate: stamp.date,
    modifiedTime: stamp.time,
    modifiedDate: stamp.date,
    clusterHigh: cluster >>> 16,
    clusterLow: cluster & 0xffff,
  });
}

/** Checksum that ties long slots to their short one (FAT spec 1.03, "Long Directory Entries"). */
function nameChecksum(short: string): number {
  let sum = 0;
  for (const character of short.padEnd(11)) sum = (((sum & 1) << 7) + (sum >> 1) + character.charCodeAt(0)) & 0xff;
  return sum;
}

function longSlots(name: string, short: string): Uint8Array[] {
  const checksum = nameChecksum(short);
  const count = Math.ceil(name.length / LONG_NAME_UNITS);
  const slots: Uint8Array[] = [];
  // The last part of the name comes first.
  for (let order = count; order >= 1; order--) {
    const units = Array.from({ length: LONG_NAME_UNITS }, (_, i) => {
      const at = (order - 1) * LONG_NAME_UNITS + i;
      return at < name.length ? name.charCodeAt(at) : at === name.length ? 0 : 0xffff;
    });
    slots.push(
      longSlot.encode({
        order: order === count ? order | LONG_NAME_LAST : order,
        checksum,
        units1: units.slice(0, 5),
        units2: units.slice(5, 11),
        units3: units.slice(11),
      }),
    );
  }
  return slots;
}

/** How many 32-byte slots an entry takes. */
export function slotCount(name: string, stored: StoredName): number {
  return stored.long ? Math.ceil(name.length / LONG_NAME_UNITS) + 1 : 1;
}

/** The slots of one entry in directory order: long ones if any, then the short one. */
export function entrySlots(name: string, stored: StoredName, target: SlotTarget): readonly Uint8Array[] {
  const short = encodeShort(stored.short, stored.caseBits, target);
  return stored.long ? [...longSlots(name, stored.short), short] : [short];
}

/** The root directory's first slot. */
export function labelSlot(label: string): Uint8Array {
  const stamp = { date: LABEL_DATE, time: LABEL_TIME };
  return encodeShort(label, 0, { attributes: ATTRIBUTE_VOLUME_LABEL, stamp, cluster: 0, sizeBytes: 0 });
}

/** The `.` and `..` slots of a directory; `parent` is 0 when that is the root (outputs.md 2.8). */
export function dotSlots(own: number, parent: number, stamp: FatStamp): readonly Uint8Array[] {
  const target = { attributes: ATTRIBUTE_DIRECTORY, stamp, sizeBytes: 0 };
  return [encodeShort(".", 0, { ...target, cluster: own }), encodeShort("..", 0, { ...target, cluster: parent })];
}
