import { read } from "../../../src/extents/index.ts";
import { artifacts, type Made, type RecordedRun } from "../artifacts.ts";
import type { Comparison } from "../family.ts";
import { compareInitramfs, type RecordedInitramfs } from "../initramfs.ts";

export interface InitramfsCase extends RecordedRun {
  readonly initramfs: RecordedInitramfs;
  /** The file of the release it is, null for one that was rebuilt. */
  readonly sameBytesAs: string | null;
}

/** The file the output was made from. */
export async function baseInitramfs(item: RecordedRun, { target, imager }: Made): Promise<Uint8Array> {
  const digest = await imager.installed(item, target, target.profile.input.initramfs.path.slice(1));
  return await imager.blobs.read(digest, 0, (await imager.blobs.size(digest)) ?? 0);
}

export async function checkInitramfs(item: InitramfsCase, { image, target, imager }: Made): Promise<Comparison> {
  const base = await baseInitramfs(item, { image, target, imager });
  const bytes = await read(image, imager.blobs);
  const { recorded, ours } = await compareInitramfs(item.initramfs, bytes, base);
  return {
    recorded: { content: recorded, same: item.sameBytesAs !== null },
    ours: { content: ours, same: Buffer.compare(bytes, base) === 0 },
  };
}

export const initramfs = artifacts("initramfs", checkInitramfs);
