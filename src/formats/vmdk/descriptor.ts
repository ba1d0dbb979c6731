import { utf8 } from "../../bytes/text.ts";

/** Geometry of every disk above 4 GB, which VMware and open-vmdk use for all. */
const HEADS = 255;
const SECTORS = 63;
const MAX_CYLINDERS = 65535;

/** The descriptor of a disk of `capacity` sectors; `id` is the long content id, 32 hex digits, whose end is the short one. */
export function descriptor(capacity: number, id: string): Uint8Array {
  const cylinders = Math.min(MAX_CYLINDERS, Math.ceil(capacity / (HEADS * SECTORS)));
  const lines = [
    ...["# Disk DescriptorFile", "version=1", 'encoding="UTF-8"', `CID=${id.slice(-8)}`, "parentCID=ffffffff"],
    ...['createType="streamOptimized"', ""],
    ...["# Extent description", `RW ${capacity} SPARSE "disk"`, ""],
    ...["# The Disk Data Base", "#DDB", ""],
    `ddb.longContentID = "${id}"`,
    'ddb.virtualHWVersion = "4"',
    `ddb.geometry.cylinders = "${cylinders}"`,
    `ddb.geometry.heads = "${HEADS}"`,
    `ddb.geometry.sectors = "${SECTORS}"`,
    'ddb.adapterType = "lsilogic"',
    // open-vm-tools, which the guest manages itself.
    'ddb.toolsInstallType = "4"',
    'ddb.toolsVersion = "2147483647"',
  ];
  return utf8(lines.join("\n"));
}
