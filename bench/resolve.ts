import { enhanceProfile } from "../src/talos/enhance.ts";
import { fillDefaults } from "../src/talos/profile-defaults.ts";
import { CONTAINER_ASSET } from "../src/talos/profile-model.ts";
import { profileFromPath } from "../src/talos/profile-names.ts";
import { parseSchematic } from "../src/talos/schematic.ts";
import { schematicId } from "../src/talos/schematic-emit.ts";
import { parseVersion } from "../src/talos/version.ts";
import { schematic } from "./ours.ts";
import type { Workload } from "./workload.ts";

const ROUNDS = 2000;
/** Rounds before those that count: the first ones run code that is not compiled yet. */
const WARM_UP = 200;

/** Milliseconds from a schematic's text and a path to the full profile, its defaults and the schematic's id. */
export function resolveTimes({ extensions, version: tag }: Workload): {
  readonly median: number;
  readonly p99: number;
} {
  const text = schematic(extensions, "resolve");
  const version = parseVersion(tag);
  const names = extensions.map(({ name }) => name);
  const asset = () => CONTAINER_ASSET.zero;
  const locations = { baseInstaller: asset, extension: asset, schematicExtension: asset, overlay: asset };
  const context = { secureboot: undefined, extensions: names, overlays: [], locations, hostArch: "amd64" };
  const times: number[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const started = performance.now();
    const parsed = parseSchematic(text);
    const profile = enhanceProfile(profileFromPath("metal-amd64.raw.zst"), parsed, version, context);
    fillDefaults(profile, { exists: () => false });
    schematicId(parsed);
    if (round >= WARM_UP) times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return { median: times[ROUNDS / 2]!, p99: times[Math.floor(ROUNDS * 0.99)]! };
}
