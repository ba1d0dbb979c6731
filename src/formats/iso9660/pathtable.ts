import { concatBytes, utf8 } from "../../bytes/text.ts";
import type { IsoView } from "./directory.ts";
import { pathRecords } from "./layout.ts";
import type { NumberedDirectory } from "./tree.ts";

/** A path table in one byte order as a view shows it (ECMA-119, 6.9 and 9.4); its size does not depend on the view. */
export function encodePathTable(
  order: "little" | "big",
  directories: readonly NumberedDirectory[],
  view: IsoView,
): Uint8Array {
  const records = directories.map(({ directory, parent }) => {
    const identifier = utf8(directory.identifier);
    const block = view.blockOf.get(directory)! - view.base;
    const head = pathRecords[order].encode({ identifierBytes: identifier.length, block, parent: parent + 1 });
    return concatBytes(head, identifier, new Uint8Array(identifier.length % 2));
  });
  return concatBytes(...records);
}

/** Size in bytes of the path table of these directories. */
export function pathTableBytes(directories: readonly NumberedDirectory[]): number {
  const sizes = directories.map(({ directory }) => {
    const identifier = directory.identifier.length;
    return pathRecords.little.size + identifier + (identifier % 2);
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}
