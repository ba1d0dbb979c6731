import type { Recipe } from "../../extents/index.ts";
import { masterBoot } from "../mbr/index.ts";
import type { IsoImage } from "./model.ts";
import { assembleIso, isoLayout } from "./write.ts";

/** The disk geometry of ISOs written to USB sticks: one cylinder is 1 MiB (outputs.md 3.5). */
const GEOMETRY = { heads: 64, sectorsPerTrack: 32 } as const;
/** Partition types of the file system and of the ESP (outputs.md 3.5). */
const TYPE_LINUX = 0x83;
const TYPE_ESP = 0xef;

/**
 * The UEFI variant of an ISO (outputs.md 3.1 to 3.5, column UEFI): no boot code, a plain MBR with the
 * file system as partition 1 and the appended ESP as partition 2. Bodies stay extents. Throws
 * `IsoError`, and `MbrError` beyond 2 TiB.
 */
export function isoImage(image: IsoImage): Recipe {
  const layout = isoLayout(image);
  const partitions = [
    { type: TYPE_LINUX, ...layout.fileSystem },
    { type: TYPE_ESP, ...layout.appended },
  ];
  return assembleIso(layout, masterBoot(partitions, GEOMETRY));
}
