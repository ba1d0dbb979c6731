#!/usr/bin/env node
// The command `imager`: plain JavaScript for any Node that is there, see the launcher.
process.argv.splice(2, 0, "src/cli/imager.ts");
await import("../launch.mjs");
