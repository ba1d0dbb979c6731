import { digestBytes, digestHex } from "../bytes/digest.ts";
import type { Recipe } from "../extents/index.ts";
import { ovaFiles } from "../formats/ova/index.ts";
import { qcow2Image } from "../formats/qcow2/index.ts";
import { tarArchive } from "../formats/tar/index.ts";
import { vhdImage } from "../formats/vhd/index.ts";
import { vmdkImage, vmdkParts } from "../formats/vmdk/index.ts";
import { DEFLATE_ID } from "../workers/deflate.ts";
import type { BuildDeps } from "./deps.ts";
import type { DiskFormat } from "./diskformat.ts";

type ContainerDeps = Pick<BuildDeps, "deriver" | "mtime">;

/** How GNU tar names the reference's user; `outputs.md` 4.4. */
const OWNER = { user: "root", group: "root" };
const FILE_MODE = 0o644;

/**
 * A raw disk in the format it is asked for (outputs.md 4). What the reference draws at random is taken from the identity of
 * the disk. Throws the errors of the formats for a disk they cannot hold.
 */
export async function contained(
  deps: ContainerDeps,
  disk: Recipe,
  format: DiskFormat,
  signal: AbortSignal,
): Promise<Recipe> {
  switch (format.$case) {
    case "raw":
      return disk;
    case "qcow2":
      return qcow2Image(disk, format.clusterBytes);
    case "vhd":
      return vhdImage(disk, { ...format, mtime: deps.mtime, id: digestBytes(disk.identity).subarray(0, 16) });
    case "ova":
      return await ova(deps, disk, signal);
  }
}

async function ova({ deriver, mtime }: ContainerDeps, disk: Recipe, signal: AbortSignal): Promise<Recipe> {
  const packed = vmdkParts(disk).map(({ content }) => {
    const description = { recipe: content.identity, deflate: DEFLATE_ID };
    return deriver.derive({ kind: "grains", description, input: { extents: content.extents } }, signal);
  });
  const vmdk = vmdkImage(disk, await Promise.all(packed), digestHex(disk.identity).slice(0, 32));
  const description = { recipe: vmdk.identity };
  const { digest } = await deriver.derive({ kind: "digest", description, input: { extents: vmdk.extents } }, signal);
  const files = ovaFiles(vmdk, digest, disk.size);
  return tarArchive(files.map((file) => ({ ...file, mode: FILE_MODE, mtime, owner: OWNER })));
}
