import type { FlatEntry } from "../recipes/trees.ts";
import { imageCacheBytes } from "../talos/bootloader.ts";
import type { ContainerAsset } from "../talos/profile.ts";
import { CONTAINER_ASSET } from "../talos/profile-model.ts";
import type { ProfileInputs, Target } from "./inputs.ts";
import { flatTree } from "./unpacked.ts";

/** Container images that are there before a machine has a network; without any, nothing and no partition. */
export interface ImageCache {
  readonly entries: readonly FlatEntry[];
  /** Of the partition on a disk. */
  readonly partitionBytes: number;
}

const NONE: ImageCache = { entries: [], partitionBytes: 0 };

/** The image cache a profile names (outputs.md 7). */
export async function imageCache(
  { inputs }: { readonly inputs: ProfileInputs },
  target: Target,
  signal: AbortSignal,
): Promise<ImageCache> {
  const asset: ContainerAsset = target.profile.input.imageCache;
  if (CONTAINER_ASSET.isZero(asset)) return NONE;
  const { entries, content } = await inputs.contents(asset, target, signal);
  const fileBytes = entries.reduce((sum, entry) => sum + (entry.$case === "file" ? entry.size : 0), 0);
  return { entries: flatTree(entries, content), partitionBytes: imageCacheBytes(fileBytes) };
}
