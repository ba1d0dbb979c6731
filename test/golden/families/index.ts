import type { Family } from "../family.ts";
import { cmdline } from "./cmdline.ts";
import { cmdlineRuns } from "./cmdline-runs.ts";
import { cmdlineTable } from "./cmdline-table.ts";
import { disk } from "./disk.ts";
import { enhance } from "./enhance.ts";
import { errors } from "./errors.ts";
import { extensionsYaml } from "./extensions.ts";
import { formats } from "./formats.ts";
import { gpt } from "./gpt.ts";
import { initramfs } from "./initramfs.ts";
import { iso } from "./iso.ts";
import { loaderAndGrub } from "./loader.ts";
import { meta } from "./meta.ts";
import { osrel } from "./osrel.ts";
import { overlay } from "./overlay.ts";
import { paths } from "./paths.ts";
import { quirks } from "./quirks.ts";
import { schematics } from "./schematics.ts";
import { uki } from "./uki.ts";

/** What runs, in the order it is printed. */
export const FAMILIES: readonly Family[] = [
  schematics,
  paths,
  enhance,
  cmdline,
  quirks,
  meta,
  extensionsYaml,
  gpt,
  osrel,
  loaderAndGrub,
  initramfs,
  uki,
  cmdlineRuns,
  cmdlineTable,
  disk,
  formats,
  iso,
  overlay,
  errors,
];

/** Names of families that nothing runs yet; each moves up when its outputs are built. */
export const PENDING: readonly string[] = ["installer", "http", "oci"];
