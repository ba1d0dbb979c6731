import { concatBytes, utf8 } from "../../bytes/text.ts";
import {
  MODE_DIRECTORY,
  MODE_FILE,
  MODE_LINK,
  NM_CONTINUES,
  RRIP_DESCRIPTOR,
  RRIP_ID,
  RRIP_SOURCE,
  useCe,
  useEr,
  useNm,
  usePx,
  useSp,
  useTf,
} from "./layout.ts";
import { linkEntries } from "./symlink.ts";
import type { IsoNode } from "./tree.ts";

/** System use entries of one record; what does not fit into it goes to a continuation area. */
export interface SystemUse {
  readonly own: Uint8Array;
  /** Empty when there is no continuation; otherwise the record ends in a CE entry. */
  readonly continued: Uint8Array;
}

const NOTHING = new Uint8Array();
/** Name bytes in one NM entry, whose length is one byte. */
const MAX_NM_BYTES = 250;

function px(node: IsoNode): Uint8Array {
  if (node.$case === "file") {
    const type = node.target === undefined ? MODE_FILE : MODE_LINK;
    return usePx.encode({ mode: type | node.mode, links: 1 });
  }
  const subdirectories = node.children.filter((child) => child.$case === "directory").length;
  return usePx.encode({ mode: MODE_DIRECTORY | node.mode, links: 2 + subdirectories });
}

function attributes(node: IsoNode, time: Uint8Array): Uint8Array {
  return concatBytes(px(node), useTf.encode({ times: [time, time, time] }));
}

function nm(name: string): Uint8Array {
  const bytes = utf8(name);
  const entry = (part: Uint8Array, flags: number): Uint8Array =>
    concatBytes(useNm.encode({ length: useNm.size + part.length, flags }), part);
  if (bytes.length <= MAX_NM_BYTES) return entry(bytes, 0);
  return concatBytes(entry(bytes.subarray(0, MAX_NM_BYTES), NM_CONTINUES), entry(bytes.subarray(MAX_NM_BYTES), 0));
}

function er(): Uint8Array {
  const texts = [RRIP_ID, RRIP_DESCRIPTOR, RRIP_SOURCE].map(utf8);
  const [idBytes, descriptorBytes, sourceBytes] = texts.map((text) => text.length) as [number, number, number];
  const length = useEr.size + idBytes + descriptorBytes + sourceBytes;
  return concatBytes(useEr.encode({ length, idBytes, descriptorBytes, sourceBytes }), ...texts);
}

/** Entries of a child's record, which has `room` bytes for them. `time` is the seven-byte form. */
export function childUse(node: IsoNode, time: Uint8Array, room: number): SystemUse {
  const own = attributes(node, time);
  const target = node.$case === "file" && node.target !== undefined ? linkEntries(node.target) : NOTHING;
  const more = concatBytes(nm(node.name), target);
  if (own.length + more.length <= room) return { own: concatBytes(own, more), continued: NOTHING };
  return { own, continued: more };
}

/** Entries of a `.` record; the root's announces the protocols (SUSP 1.10, 5.3 and 5.5). */
export function selfUse(node: IsoNode, time: Uint8Array, isRoot: boolean): SystemUse {
  const own = attributes(node, time);
  return isRoot ? { own: concatBytes(useSp.encode({}), own), continued: er() } : { own, continued: NOTHING };
}

/** Entries of a `..` record: those of the parent. */
export function parentUse(parent: IsoNode, time: Uint8Array): SystemUse {
  return { own: attributes(parent, time), continued: NOTHING };
}

/** Bytes that a record needs for its entries. */
export function ownBytes({ own, continued }: SystemUse): number {
  return own.length + (continued.length > 0 ? useCe.size : 0);
}

/** The bytes of a record's entries; `block` and `offset` say where the continuation stands. */
export function encodeUse(use: SystemUse, block: number, offset: number): Uint8Array {
  if (use.continued.length === 0) return use.own;
  return concatBytes(use.own, useCe.encode({ block, offset, bytes: use.continued.length }));
}
