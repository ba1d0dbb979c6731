import type { JobKind, Jobs } from "../protocol.ts";
import { blockChecks, compressRecipe, digestRecipe, sampleRatio } from "./compress.ts";
import type { JobContext } from "./context.ts";
import { combineModules } from "./depmod.ts";
import { splitExtension } from "./extension.ts";
import { pickFiles } from "./files.ts";
import { packGrains } from "./grains.ts";
import { makeGrub, packGrubModules } from "./grub.ts";
import { askOverlay, installOverlay } from "./overlay.ts";
import { generateTree } from "./tree.ts";
import { unpackTree } from "./unpack.ts";

export type { JobContext } from "./context.ts";

/** What a worker does for each kind of job. */
export const jobs: {
  readonly [Kind in JobKind]: (input: Jobs[Kind]["input"], context: JobContext) => Promise<Jobs[Kind]["output"]>;
} = {
  files: pickFiles,
  extension: splitExtension,
  unpack: unpackTree,
  overlayOptions: askOverlay,
  overlayInstall: installOverlay,
  tree: generateTree,
  depmod: combineModules,
  compress: compressRecipe,
  checks: blockChecks,
  grains: packGrains,
  grub: makeGrub,
  grubModules: packGrubModules,
  sample: sampleRatio,
  digest: digestRecipe,
};
