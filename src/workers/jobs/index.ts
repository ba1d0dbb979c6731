import type { JobKind, Jobs } from "../protocol.ts";
import { compressZstd, digestRecipe, sampleRatio } from "./compress.ts";
import type { JobContext } from "./context.ts";
import { combineModules } from "./depmod.ts";
import { splitExtension } from "./extension.ts";
import { pickFiles } from "./files.ts";
import { generateTree } from "./tree.ts";

export type { JobContext } from "./context.ts";

/** What a worker does for each kind of job. */
export const jobs: {
  readonly [Kind in JobKind]: (input: Jobs[Kind]["input"], context: JobContext) => Promise<Jobs[Kind]["output"]>;
} = {
  files: pickFiles,
  extension: splitExtension,
  tree: generateTree,
  depmod: combineModules,
  zstd: compressZstd,
  sample: sampleRatio,
  digest: digestRecipe,
};
