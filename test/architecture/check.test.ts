import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { ROOT } from "./rooms.ts";

/** The tools that judge the source text; each prints its findings, and none may find any. */
const TOOLS: readonly [name: string, script: string, ...args: string[]][] = [
  ["types", "node_modules/typescript/bin/tsc", "-p", "."],
  ["format and lint", "node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."],
  [
    "unused files and dependencies",
    "node_modules/knip/bin/knip.js",
    "--include",
    "files,dependencies,unlisted,unresolved",
  ],
];

for (const [name, script, ...args] of TOOLS) {
  test(name, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: ROOT, encoding: "utf8" });
    assert.equal(status, 0, `${stdout}${stderr}`);
  });
}
