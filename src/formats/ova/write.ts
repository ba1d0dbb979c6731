import { type Digest, digestHex, sha256 } from "../../bytes/digest.ts";
import { utf8 } from "../../bytes/text.ts";
import { inline, type Recipe } from "../../extents/index.ts";
import { ovfText } from "./ovf.ts";

const DISK = "disk.vmdk";
const DESCRIPTOR = "disk.ovf";
const MANIFEST = "disk.mf";

export interface OvaFile {
  readonly name: string;
  readonly content: Recipe;
}

/**
 * The files of an OVA in the order of its archive, in which the descriptor must be first (DSP0243 5.3). `vmdk` is a
 * stream-optimised image with the digest of all its bytes, `diskBytes` the size of the disk in it.
 */
export function ovaFiles(vmdk: Recipe, digest: Digest, diskBytes: number): readonly OvaFile[] {
  const descriptor = utf8(ovfText(vmdk.size, diskBytes));
  const manifest = [
    [DISK, digest],
    [DESCRIPTOR, sha256(descriptor)],
  ] as const;
  const lines = manifest.map(([name, of]) => `SHA256(${name})= ${digestHex(of)}\n`);
  return [
    { name: DESCRIPTOR, content: inline(descriptor) },
    { name: MANIFEST, content: inline(utf8(lines.join(""))) },
    { name: DISK, content: vmdk },
  ];
}
