#!/usr/bin/env node
// The command `image-factory`: plain JavaScript for any Node that is there, see the launcher.
const COMMANDS = new Map([
  ["serve", "src/server/main.ts"],
  ["imager", "src/cli/imager.ts"],
  ["inspect", "src/cli/inspect.ts"],
]);

const target = COMMANDS.get(process.argv[2] ?? "");
if (target === undefined) {
  process.stderr.write(`usage: image-factory ${[...COMMANDS.keys()].join("|")} [argument...]\n`);
  process.exit(1);
}
process.argv.splice(2, 1, target);
await import("../launch.mjs");
