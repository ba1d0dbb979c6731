import { MiB } from "../bytes/align.ts";
import { type FlattenOptions, flattenLayers, type LayerStream } from "./layers.ts";
import { DEFAULT_TREE_LIMITS, type TreeLimits } from "./tree.ts";
import { collect } from "./verify.ts";

/** Bounds for images that only carry a few text files. */
const TEXT_IMAGE_LIMITS: TreeLimits = {
  ...DEFAULT_TREE_LIMITS,
  entries: 10_000,
  fileBytes: 8 * MiB,
  totalBytes: 64 * MiB,
};

/**
 * The named regular files of an image, in memory; names that are not there, or are no files, are absent. The result
 * comes only after all digests were found right. Throws as `flattenLayers` does.
 */
export async function readFiles(
  layers: readonly LayerStream[],
  paths: readonly string[],
  options: FlattenOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const limits = options.limits ?? TEXT_IMAGE_LIMITS;
  const found = new Map<string, Uint8Array>();
  for await (const entry of flattenLayers(layers, { ...options, limits })) {
    if (entry.$case !== "file" || !paths.includes(entry.path)) continue;
    found.set(entry.path, await collect(entry.body, limits.fileBytes, entry.path));
  }
  return found;
}
