import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";

/** What xorriso prints, with UTF-8 names and times in UTC; it must find nothing to complain about. */
export function xorriso(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync("xorriso", ["-no_rc", ...args], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8", TZ: "UTC" },
  });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /FAILURE|SORRY|WARNING/);
  return stdout;
}

/** Copies the whole tree of an image into a folder that is not there yet. */
export function extract(image: string, into: string): void {
  mkdirSync(into);
  xorriso("-osirrox", "on", "-indev", image, "-extract", "/", into);
}
