import assert from "node:assert/strict";
import { test } from "node:test";
import { BASE_PROFILES } from "../../src/talos/base-profiles.ts";
import { PLATFORM_TABLE } from "../../src/talos/platform.ts";
import { QUIRK_FLAGS, QUIRK_STEPS } from "../../src/talos/quirks.ts";

interface Row {
  readonly name: string;
  readonly source: string;
}

/** Facts about Talos are data, and each says where it is from, so that one who adds a release knows where to look. */
const TABLES: Readonly<Record<string, readonly Row[]>> = {
  platforms: PLATFORM_TABLE,
  "quirk flags": Object.entries(QUIRK_FLAGS).map(([name, { source }]) => ({ name, source })),
  "quirk values": QUIRK_STEPS.flat().map(({ since, source }) => ({
    name: `${source} since ${since.join(".")}`,
    source,
  })),
  "built-in profiles": BASE_PROFILES,
};

test("every row of every table names its source", () => {
  for (const [table, rows] of Object.entries(TABLES)) {
    assert.ok(rows.length > 0, table);
    for (const { name, source } of rows) assert.match(source, /\w{3}/, `${table}: ${name}`);
  }
});

test("no row stands twice", () => {
  for (const [table, rows] of Object.entries(TABLES)) {
    const names = rows.map(({ name }) => name);
    assert.deepEqual(names, [...new Set(names)], table);
  }
});

test("values that change start with the first release and go on in order", () => {
  for (const steps of QUIRK_STEPS) {
    const releases = steps.map(({ since: [major, minor, patch = 0] }) => (major * 1000 + minor) * 1000 + patch);
    assert.equal(releases[0], 0);
    assert.deepEqual(
      releases,
      [...new Set(releases)].sort((a, b) => a - b),
    );
  }
});
